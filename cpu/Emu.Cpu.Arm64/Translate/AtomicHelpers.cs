// The helpers of FEAT_LSE: one host atomic each, or plain operations while a single thread runs the vCPUs.
using System.Runtime.CompilerServices;
using Emu.Cpu.Ir;

namespace Emu.Cpu.Arm64.Translate;

/// <summary>CAS, CASP, SWP and LD&lt;op&gt;. Aux is log2 of the bytes.</summary>
public static unsafe class AtomicHelpers
{
    /// <summary>What a read-modify-write computes; operands and result are zero-extended to 64 bits.</summary>
    public interface IOperation
    {
        /// <summary>New memory value; bits above the access size are ignored.</summary>
        /// <param name="memory">Old value, zero-extended.</param>
        /// <param name="operand">Register, zero-extended.</param>
        /// <param name="unused">64 less the bits of the access: shifts the sign to the top.</param>
        static abstract ulong Apply(ulong memory, ulong operand, int unused);
    }

    /// <summary>LDADD.</summary>
    public readonly struct Add : IOperation
    {
        /// <inheritdoc/>
        public static ulong Apply(ulong memory, ulong operand, int unused) => memory + operand;
    }

    /// <summary>LDCLR.</summary>
    public readonly struct Clear : IOperation
    {
        /// <inheritdoc/>
        public static ulong Apply(ulong memory, ulong operand, int unused) => memory & ~operand;
    }

    /// <summary>LDEOR.</summary>
    public readonly struct ExclusiveOr : IOperation
    {
        /// <inheritdoc/>
        public static ulong Apply(ulong memory, ulong operand, int unused) => memory ^ operand;
    }

    /// <summary>LDSET.</summary>
    public readonly struct Set : IOperation
    {
        /// <inheritdoc/>
        public static ulong Apply(ulong memory, ulong operand, int unused) => memory | operand;
    }

    /// <summary>LDSMAX.</summary>
    public readonly struct SignedMaximum : IOperation
    {
        /// <inheritdoc/>
        public static ulong Apply(ulong memory, ulong operand, int unused) => (long)(memory << unused) > (long)(operand << unused) ? memory : operand;
    }

    /// <summary>LDSMIN.</summary>
    public readonly struct SignedMinimum : IOperation
    {
        /// <inheritdoc/>
        public static ulong Apply(ulong memory, ulong operand, int unused) => (long)(memory << unused) < (long)(operand << unused) ? memory : operand;
    }

    /// <summary>LDUMAX.</summary>
    public readonly struct UnsignedMaximum : IOperation
    {
        /// <inheritdoc/>
        public static ulong Apply(ulong memory, ulong operand, int unused) => Math.Max(memory, operand);
    }

    /// <summary>LDUMIN.</summary>
    public readonly struct UnsignedMinimum : IOperation
    {
        /// <inheritdoc/>
        public static ulong Apply(ulong memory, ulong operand, int unused) => Math.Min(memory, operand);
    }

    /// <summary>SWP.</summary>
    public readonly struct Swap : IOperation
    {
        /// <inheritdoc/>
        public static ulong Apply(ulong memory, ulong operand, int unused) => operand;
    }

    /// <summary>D = memory at A; memory = operation(memory, B).</summary>
    /// <typeparam name="TOperation">The operation.</typeparam>
    public static int Run<TOperation>(CpuState* s, MicroOp* op)
        where TOperation : struct, IOperation
    {
        var scale = (int)op->Aux;
        var host = AtomicAccess.ResolveReadWrite(s, op, *(ulong*)((byte*)s + op->A), 1 << scale);
        if (host == null)
        {
            return Status.Fault;
        }

        var unused = 64 - (8 << scale);
        var operand = Narrow(*(ulong*)((byte*)s + op->B), scale);
        var old = Read(host, scale);
        if (s->Parallel == 0)
        {
            Write(host, scale, TOperation.Apply(old, operand, unused));
        }
        else
        {
            while (true)
            {
                var seen = CompareExchange(host, scale, old, TOperation.Apply(old, operand, unused));
                if (seen == old)
                {
                    break;
                }

                old = seen;
            }
        }

        *(ulong*)((byte*)s + op->D) = old;
        return Status.Continue;
    }

    /// <summary>If memory at A equals C it becomes B; D = what memory held.</summary>
    public static int CompareAndSwap(CpuState* s, MicroOp* op)
    {
        var scale = (int)op->Aux;
        var host = AtomicAccess.ResolveReadWrite(s, op, *(ulong*)((byte*)s + op->A), 1 << scale);
        if (host == null)
        {
            return Status.Fault;
        }

        var expected = Narrow(*(ulong*)((byte*)s + op->C), scale);
        var value = *(ulong*)((byte*)s + op->B);
        *(ulong*)((byte*)s + op->D) = s->Parallel == 0
            ? PlainCompareExchange(host, scale, expected, value)
            : CompareExchange(host, scale, expected, value);
        return Status.Continue;
    }

    /// <summary>CASP of words: compares with the register pair D, stores the pair B.</summary>
    public static int CompareAndSwapPair32(CpuState* s, MicroOp* op)
    {
        var host = AtomicAccess.ResolveReadWrite(s, op, *(ulong*)((byte*)s + op->A), 8);
        if (host == null)
        {
            return Status.Fault;
        }

        var expected = (uint)*(ulong*)((byte*)s + op->D) | (*(ulong*)((byte*)s + SecondSource(op->D)) << 32);
        var value = (uint)*(ulong*)((byte*)s + op->B) | (*(ulong*)((byte*)s + SecondSource(op->B)) << 32);
        var old = CompareExchange(host, 3, expected, value);
        *(ulong*)((byte*)s + op->D) = (uint)old;
        *(ulong*)((byte*)s + SecondDestination(op->D)) = old >> 32;
        return Status.Continue;
    }

    /// <summary>CASP of doublewords: compares with the register pair D, stores the pair B.</summary>
    public static int CompareAndSwapPair64(CpuState* s, MicroOp* op)
    {
        var host = AtomicAccess.ResolveReadWrite(s, op, *(ulong*)((byte*)s + op->A), 16);
        if (host == null)
        {
            return Status.Fault;
        }

        var old = new UInt128(*(ulong*)((byte*)s + SecondSource(op->D)), *(ulong*)((byte*)s + op->D));
        var value = new UInt128(*(ulong*)((byte*)s + SecondSource(op->B)), *(ulong*)((byte*)s + op->B));
        HostAtomics.CompareExchange128(host, ref old, value);
        *(ulong*)((byte*)s + op->D) = (ulong)old;
        *(ulong*)((byte*)s + SecondDestination(op->D)) = (ulong)(old >> 64);
        return Status.Continue;
    }

    /// <summary>Host compare-and-exchange of 1 &lt;&lt; <paramref name="scale"/> bytes; the old value, zero-extended.</summary>
    public static ulong CompareExchange(byte* host, int scale, ulong expected, ulong value) => scale switch
    {
        0 => Interlocked.CompareExchange(ref *host, (byte)value, (byte)expected),
        1 => Interlocked.CompareExchange(ref *(ushort*)host, (ushort)value, (ushort)expected),
        2 => Interlocked.CompareExchange(ref *(uint*)host, (uint)value, (uint)expected),
        _ => Interlocked.CompareExchange(ref *(ulong*)host, value, expected),
    };

    /// <summary>The same without atomicity.</summary>
    public static ulong PlainCompareExchange(byte* host, int scale, ulong expected, ulong value)
    {
        var old = Read(host, scale);
        if (old == expected)
        {
            Write(host, scale, value);
        }

        return old;
    }

    // The pair of X30 is X31, which is the zero register here.
    private static ushort SecondSource(ushort slot) => slot == CpuState.Register(30) ? CpuState.Zero : (ushort)(slot + 8);

    private static ushort SecondDestination(ushort slot) => slot == CpuState.Register(30) ? CpuState.Sink : (ushort)(slot + 8);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Narrow(ulong value, int scale) => value & (ulong.MaxValue >> (64 - (8 << scale)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Read(byte* host, int scale) => scale switch
    {
        0 => *host,
        1 => *(ushort*)host,
        2 => *(uint*)host,
        _ => *(ulong*)host,
    };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Write(byte* host, int scale, ulong value)
    {
        switch (scale)
        {
            case 0: *host = (byte)value; break;
            case 1: *(ushort*)host = (ushort)value; break;
            case 2: *(uint*)host = (uint)value; break;
            default: *(ulong*)host = value; break;
        }
    }
}
