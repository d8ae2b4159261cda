// The memory side of LD1 to LD4 and ST1 to ST4: fault-precise span access and (de)interleaving.
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Emu.Cpu.Ir;
using Emu.Cpu.Mmu;

namespace Emu.Cpu.Arm64.Simd;

/// <summary>Helpers of the micro-op CallChecked: A = base address slot, Aux as packed by <see cref="Pack"/>.</summary>
internal static unsafe class StructureAccess
{
    private const int MaximumBytes = 64;

    /// <summary>Packs the operands of a multiple-structure access.</summary>
    /// <param name="first">First register, wraps after 31.</param>
    /// <param name="registers">Registers, 1 to 4.</param>
    /// <param name="interleaved">Elements of one structure go to successive registers (LD2 to LD4); else registers are filled in turn.</param>
    /// <param name="size">log2 of the element's bytes.</param>
    /// <param name="q">16-byte registers.</param>
    public static uint Pack(uint first, uint registers, bool interleaved, uint size, bool q) =>
        (first & 31) | ((registers - 1) << 5) | (interleaved ? 1u << 7 : 0) | (size << 8) | (q ? 1u << 10 : 0);

    /// <summary>LD1 to LD4 (multiple structures). Everything is read before a register is written.</summary>
    public static int LoadMultiple(CpuState* s, MicroOp* op)
    {
        var registers = ((op->Aux >> 5) & 3) + 1;
        var q = (op->Aux & (1u << 10)) != 0;
        var size = (op->Aux >> 8) & 3;
        var buffer = stackalloc byte[MaximumBytes];
        var status = ReadSpan(s, op, *(ulong*)((byte*)s + op->A), (int)registers * (q ? 16 : 8), 1 << (int)size, buffer);
        if (status == Status.Fault)
        {
            return status;
        }

        if ((op->Aux & (1u << 7)) == 0)
        {
            for (uint i = 0; i < registers; i++)
            {
                *Register(s, op->Aux + i) = q ? ((Vector128<ulong>*)buffer)[i] : Vector128.CreateScalar(((ulong*)buffer)[i]);
            }

            return status;
        }

        switch (size)
        {
            case 0: Deinterleave<byte>(s, op, buffer, registers, q); break;
            case 1: Deinterleave<ushort>(s, op, buffer, registers, q); break;
            case 2: Deinterleave<uint>(s, op, buffer, registers, q); break;
            default: Deinterleave<ulong>(s, op, buffer, registers, q); break;
        }

        return status;
    }

    /// <summary>ST1 to ST4 (multiple structures). Every page is checked before anything is written.</summary>
    public static int StoreMultiple(CpuState* s, MicroOp* op)
    {
        var registers = ((op->Aux >> 5) & 3) + 1;
        var q = (op->Aux & (1u << 10)) != 0;
        var size = (op->Aux >> 8) & 3;
        var buffer = stackalloc byte[MaximumBytes];
        if ((op->Aux & (1u << 7)) == 0)
        {
            for (uint i = 0; i < registers; i++)
            {
                if (q)
                {
                    ((Vector128<ulong>*)buffer)[i] = *Register(s, op->Aux + i);
                }
                else
                {
                    ((ulong*)buffer)[i] = *(ulong*)Register(s, op->Aux + i);
                }
            }
        }
        else
        {
            switch (size)
            {
                case 0: Interleave<byte>(s, op, buffer, registers, q); break;
                case 1: Interleave<ushort>(s, op, buffer, registers, q); break;
                case 2: Interleave<uint>(s, op, buffer, registers, q); break;
                default: Interleave<ulong>(s, op, buffer, registers, q); break;
            }
        }

        return WriteSpan(s, op, *(ulong*)((byte*)s + op->A), (int)registers * (q ? 16 : 8), 1 << (int)size, buffer);
    }

    /// <summary>ST2 to ST4 (single structure): one element of each register; C = the element's byte offset.</summary>
    public static int StoreSingle(CpuState* s, MicroOp* op)
    {
        var registers = ((op->Aux >> 5) & 3) + 1;
        var bytes = 1 << (int)((op->Aux >> 8) & 3);
        var buffer = stackalloc byte[MaximumBytes];
        for (uint i = 0; i < registers; i++)
        {
            Unsafe.CopyBlockUnaligned(buffer + (i * bytes), (byte*)Register(s, op->Aux + i) + op->C, (uint)bytes);
        }

        return WriteSpan(s, op, *(ulong*)((byte*)s + op->A), (int)registers * bytes, bytes, buffer);
    }

    private static Vector128<ulong>* Register(CpuState* s, uint n) => (Vector128<ulong>*)((byte*)s + Arm64State.V((int)(n & 31)));

    private static void Deinterleave<T>(CpuState* s, MicroOp* op, byte* buffer, uint registers, bool q) where T : unmanaged
    {
        var from = (Vector128<T>*)buffer;
        switch (registers)
        {
            case 2:
            {
                var second = from[q ? 1 : 0];
                Put(s, op->Aux, Permute.UnzipEven(from[0], second), q);
                Put(s, op->Aux + 1, Permute.UnzipOdd(from[0], second), q);
                break;
            }

            case 4:
            {
                // Elements 0, 2 and 1, 3 of the structures apart, then each pair.
                var even = Permute.UnzipEven(from[0], from[1]);
                var odd = Permute.UnzipOdd(from[0], from[1]);
                var even2 = q ? Permute.UnzipEven(from[2], from[3]) : even;
                var odd2 = q ? Permute.UnzipOdd(from[2], from[3]) : odd;
                Put(s, op->Aux, Permute.UnzipEven(even, even2), q);
                Put(s, op->Aux + 1, Permute.UnzipEven(odd, odd2), q);
                Put(s, op->Aux + 2, Permute.UnzipOdd(even, even2), q);
                Put(s, op->Aux + 3, Permute.UnzipOdd(odd, odd2), q);
                break;
            }

            default:
            {
                var elements = (T*)buffer;
                for (uint r = 0; r < 3; r++)
                {
                    var to = Vector128<T>.Zero;
                    for (var i = 0; i < (q ? 16 : 8) / sizeof(T); i++)
                    {
                        ((T*)&to)[i] = elements[(i * 3) + r];
                    }

                    Put(s, op->Aux + r, to, q);
                }

                break;
            }
        }
    }

    private static void Interleave<T>(CpuState* s, MicroOp* op, byte* buffer, uint registers, bool q) where T : unmanaged
    {
        var to = (Vector128<T>*)buffer;
        var r0 = (*Register(s, op->Aux)).As<ulong, T>();
        var r1 = (*Register(s, op->Aux + 1)).As<ulong, T>();
        switch (registers)
        {
            case 2:
            {
                to[0] = Permute.ZipLow(r0, r1);
                to[1] = Permute.ZipHigh(r0, r1);
                break;
            }

            case 4:
            {
                var r2 = (*Register(s, op->Aux + 2)).As<ulong, T>();
                var r3 = (*Register(s, op->Aux + 3)).As<ulong, T>();
                var even = Permute.ZipLow(r0, r2);
                var odd = Permute.ZipLow(r1, r3);
                to[0] = Permute.ZipLow(even, odd);
                to[1] = Permute.ZipHigh(even, odd);
                even = Permute.ZipHigh(r0, r2);
                odd = Permute.ZipHigh(r1, r3);
                to[2] = Permute.ZipLow(even, odd);
                to[3] = Permute.ZipHigh(even, odd);
                break;
            }

            default:
            {
                var elements = (T*)buffer;
                for (uint r = 0; r < 3; r++)
                {
                    var from = (T*)Register(s, op->Aux + r);
                    for (var i = 0; i < (q ? 16 : 8) / sizeof(T); i++)
                    {
                        elements[(i * 3) + r] = from[i];
                    }
                }

                break;
            }
        }
    }

    private static void Put<T>(CpuState* s, uint register, Vector128<T> value, bool q) where T : unmanaged =>
        *Register(s, register) = q ? value.AsUInt64() : Vector128.CreateScalar(value.AsUInt64().ToScalar());

    /// <summary>Bytes of a span that lie in va's page, in whole elements: what one tag comparison may cover. 0 when an element crosses.</summary>
    private static int FastBytes(ulong va, int left, int element) => Math.Min(left, (int)(0x1000 - (va & 0xFFF)) & -element);

    private static TlbEntry* Entry(CpuState* s, ulong va) => (TlbEntry*)(s->Tlb + (((va >> TlbEntry.IndexShift) & TlbEntry.IndexMask) ^ ((va >> TlbEntry.FoldShift) & TlbEntry.FoldMask)));

    /// <summary>Reads a span: ordinary RAM page by page, anything else element by element in order, as the manual has it.</summary>
    private static int ReadSpan(CpuState* s, MicroOp* op, ulong va, int total, int element, byte* buffer)
    {
        var status = Status.Continue;
        for (var done = 0; done < total;)
        {
            var at = va + (ulong)done;
            var n = FastBytes(at, total - done, element);
            var e = Entry(s, at);
            if (n != 0 && e->ReadTag == (at & TlbEntry.PageMask))
            {
                Copy(buffer + done, (byte*)(at + e->Addend), n);
                done += n;
                continue;
            }

            var one = MemoryAccess.Load(s, op, at, element, buffer + done);
            if (one == Status.Fault)
            {
                return one;
            }

            status |= one;
            done += element;
        }

        return status;
    }

    /// <summary>Writes a span: permission for both pages first when it crosses one, then like <see cref="ReadSpan"/>.</summary>
    private static int WriteSpan(CpuState* s, MicroOp* op, ulong va, int total, int element, byte* buffer)
    {
        var last = va + (ulong)total - 1;
        if (((va ^ last) & TlbEntry.PageMask) != 0)
        {
            MemoryAccess.Probe(s, op, va, 1, write: true, out var probe);
            if (probe != Status.Fault)
            {
                MemoryAccess.Probe(s, op, last & TlbEntry.PageMask, 1, write: true, out probe);
            }

            if (probe == Status.Fault)
            {
                return probe;
            }
        }

        var status = Status.Continue;
        for (var done = 0; done < total;)
        {
            var at = va + (ulong)done;
            var n = FastBytes(at, total - done, element);
            var e = Entry(s, at);
            if (n != 0 && e->WriteTag == (at & TlbEntry.PageMask))
            {
                Copy((byte*)(at + e->Addend), buffer + done, n);
                done += n;
                continue;
            }

            var one = MemoryAccess.Store(s, op, at, element, buffer + done);
            if (one == Status.Fault)
            {
                return one;
            }

            status |= one;
            done += element;
        }

        return status;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Copy(byte* to, byte* from, int bytes)
    {
        // Whole vectors and doublewords, so that naturally aligned elements stay single-copy atomic; bytes at a page's end are rare.
        var i = 0;
        for (; i + 16 <= bytes; i += 16)
        {
            *(Vector128<byte>*)(to + i) = *(Vector128<byte>*)(from + i);
        }

        for (; i + 8 <= bytes; i += 8)
        {
            *(ulong*)(to + i) = *(ulong*)(from + i);
        }

        for (; i + 4 <= bytes; i += 4)
        {
            *(uint*)(to + i) = *(uint*)(from + i);
        }

        for (; i + 2 <= bytes; i += 2)
        {
            *(ushort*)(to + i) = *(ushort*)(from + i);
        }

        if (i < bytes)
        {
            to[i] = from[i];
        }
    }
}
