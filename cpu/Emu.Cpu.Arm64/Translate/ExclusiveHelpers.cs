// Load- and store-exclusive: the monitor remembers address and value, a store-exclusive is a compare-and-swap on that value.
using Emu.Cpu.Ir;
using Emu.Cpu.Mmu;

namespace Emu.Cpu.Arm64.Translate;

/// <summary>
/// Helpers of LDXR, STXR and their kin. A store-exclusive succeeds when the reservation is for the same bytes and memory still holds the
/// value that was loaded; a location changed and changed back in between is not noticed, which no lock or counter can tell from an
/// undisturbed one.
/// </summary>
public static unsafe class ExclusiveHelpers
{
    private const ulong Open = ulong.MaxValue;

    /// <summary>D = the 1 &lt;&lt; Aux bytes at A, reserved.</summary>
    public static int Load(CpuState* s, MicroOp* op)
    {
        var size = 1 << (int)op->Aux;
        var va = *(ulong*)((byte*)s + op->A);
        var host = AtomicAccess.Resolve(s, op, va, size, write: false);
        if (host == null)
        {
            return Status.Fault;
        }

        var value = op->Aux switch
        {
            0 => Volatile.Read(ref *host),
            1 => Volatile.Read(ref *(ushort*)host),
            2 => Volatile.Read(ref *(uint*)host),
            _ => Volatile.Read(ref *(ulong*)host),
        };
        Reserve(s, va, size, value, 0);
        *(ulong*)((byte*)s + op->D) = value;
        return Status.Continue;
    }

    /// <summary>D, B = the two words at A, reserved.</summary>
    public static int LoadPair32(CpuState* s, MicroOp* op)
    {
        var va = *(ulong*)((byte*)s + op->A);
        var host = AtomicAccess.Resolve(s, op, va, 8, write: false);
        if (host == null)
        {
            return Status.Fault;
        }

        var value = Volatile.Read(ref *(ulong*)host);
        Reserve(s, va, 8, value, 0);
        *(ulong*)((byte*)s + op->D) = (uint)value;
        *(ulong*)((byte*)s + op->B) = value >> 32;
        return Status.Continue;
    }

    /// <summary>D, B = the two doublewords at A, reserved. The halves may be of different times: then the store-exclusive fails.</summary>
    public static int LoadPair64(CpuState* s, MicroOp* op)
    {
        var va = *(ulong*)((byte*)s + op->A);
        var host = AtomicAccess.Resolve(s, op, va, 16, write: false);
        if (host == null)
        {
            return Status.Fault;
        }

        var low = Volatile.Read(ref *(ulong*)host);
        var high = Volatile.Read(ref *(ulong*)(host + 8));
        Reserve(s, va, 16, low, high);
        *(ulong*)((byte*)s + op->D) = low;
        *(ulong*)((byte*)s + op->B) = high;
        return Status.Continue;
    }

    /// <summary>Stores the low 1 &lt;&lt; Aux bytes of B at A if reserved; D = 0, or 1 when it was not stored.</summary>
    public static int Store(CpuState* s, MicroOp* op)
    {
        var size = 1 << (int)op->Aux;
        var host = Claim(s, op, size, out var status);
        if (host != null)
        {
            var expected = s->ExclusiveLow;
            var value = *(ulong*)((byte*)s + op->B);
            var done = s->Parallel == 0
                ? AtomicHelpers.PlainCompareExchange(host, (int)op->Aux, expected, value) == expected
                : AtomicHelpers.CompareExchange(host, (int)op->Aux, expected, value) == expected;
            *(ulong*)((byte*)s + op->D) = done ? 0u : 1u;
        }

        return status;
    }

    /// <summary>Stores the words B and C at A if reserved; D = 0, or 1 when they were not stored.</summary>
    public static int StorePair32(CpuState* s, MicroOp* op)
    {
        var host = Claim(s, op, 8, out var status);
        if (host != null)
        {
            var expected = s->ExclusiveLow;
            var value = *(uint*)((byte*)s + op->B) | ((ulong)*(uint*)((byte*)s + op->C) << 32);
            *(ulong*)((byte*)s + op->D) = AtomicHelpers.CompareExchange(host, 3, expected, value) == expected ? 0u : 1u;
        }

        return status;
    }

    /// <summary>Stores the doublewords B and C at A if reserved; D = 0, or 1 when they were not stored.</summary>
    public static int StorePair64(CpuState* s, MicroOp* op)
    {
        var host = Claim(s, op, 16, out var status);
        if (host != null)
        {
            var expected = new UInt128(s->ExclusiveHigh, s->ExclusiveLow);
            var value = new UInt128(*(ulong*)((byte*)s + op->C), *(ulong*)((byte*)s + op->B));
            *(ulong*)((byte*)s + op->D) = HostAtomics.CompareExchange128(host, ref expected, value) ? 0u : 1u;
        }

        return status;
    }

    /// <summary>Slot of <see cref="CpuState.ExclusiveAddress"/>: all-ones opens the monitor (CLREX).</summary>
    public const ushort AddressSlot = 496;

    private static ulong Physical(CpuState* s, ulong va)
    {
        var e = (TlbEntry*)(s->Tlb + (((va >> TlbEntry.IndexShift) & TlbEntry.IndexMask) ^ ((va >> TlbEntry.FoldShift) & TlbEntry.FoldMask)));
        return (e->Info & TlbEntry.PageMask) | (va & ~TlbEntry.PageMask);
    }

    private static void Reserve(CpuState* s, ulong va, int size, ulong low, ulong high)
    {
        s->ExclusiveAddress = va;
        s->ExclusivePhysical = Physical(s, va);
        s->ExclusiveSize = size;
        s->ExclusiveLow = low;
        s->ExclusiveHigh = high;
    }

    /// <summary>Uses the reservation up. Null with Continue: it did not hold and D says so; null with Fault: recorded; else the place to store.</summary>
    private static byte* Claim(CpuState* s, MicroOp* op, int size, out int status)
    {
        var va = *(ulong*)((byte*)s + op->A);
        status = Status.Continue;
        if (s->ExclusiveAddress == va && s->ExclusiveSize == size)
        {
            // A fault leaves the reservation to the exception return, which opens the monitor.
            var host = AtomicAccess.Resolve(s, op, va, size, write: true);
            if (host == null)
            {
                status = Status.Fault;
                return null;
            }

            s->ExclusiveAddress = Open;
            if (s->ExclusivePhysical == Physical(s, va))
            {
                return host;
            }
        }
        else if ((va & ((ulong)size - 1)) != 0)
        {
            // Alignment is checked whether or not the reservation holds.
            s->ExactRetired = s->Retired - op->Left;
            if (!CpuState.OwnerOf(s).PermitsUnaligned(va, size, write: true))
            {
                status = Status.Fault;
                return null;
            }
        }

        s->ExclusiveAddress = Open;
        *(ulong*)((byte*)s + op->D) = 1;
        return null;
    }
}
