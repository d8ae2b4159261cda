// How exclusives and atomics reach guest memory: alignment, the host address, and the faults of memory that cannot take them.
using Emu.Cpu.Ir;
using Emu.Cpu.Mmu;

namespace Emu.Cpu.Arm64.Translate;

/// <summary>Address checks shared by <see cref="ExclusiveHelpers"/> and <see cref="AtomicHelpers"/>.</summary>
internal static unsafe class AtomicAccess
{
    /// <summary>Host address of an access that must be single-copy atomic, or null after a fault was recorded.</summary>
    /// <param name="s">vCPU state.</param>
    /// <param name="op">The micro-op.</param>
    /// <param name="va">Virtual address.</param>
    /// <param name="size">Bytes, a power of two.</param>
    /// <param name="write">The access writes.</param>
    public static byte* Resolve(CpuState* s, MicroOp* op, ulong va, int size, bool write)
    {
        if ((va & ((ulong)size - 1)) != 0 && !PermitsUnaligned(s, op, va, size, write))
        {
            return null;
        }

        var host = MemoryAccess.Probe(s, op, va, size, write, out var status);
        if (host == null && status == Status.Continue)
        {
            Unsupported(s, op, va, write);
        }

        return host;
    }

    /// <summary>
    /// The same for an instruction that reads and writes: a fault that a read would have is reported as one of a read (Arm ARM, ISS.WnR).
    /// </summary>
    public static byte* ResolveReadWrite(CpuState* s, MicroOp* op, ulong va, int size)
    {
        if ((va & ((ulong)size - 1)) != 0 && !PermitsUnaligned(s, op, va, size, write: false))
        {
            return null;
        }

        var e = (TlbEntry*)(s->Tlb + (((va >> TlbEntry.IndexShift) & TlbEntry.IndexMask) ^ ((va >> TlbEntry.FoldShift) & TlbEntry.FoldMask)));
        if (((va + (ulong)size - 1) & TlbEntry.PageMask) == e->WriteTag)
        {
            return (byte*)(va + e->Addend);
        }

        MemoryAccess.Probe(s, op, va, size, write: false, out var status);
        if (status == Status.Fault)
        {
            return null;
        }

        var host = MemoryAccess.Probe(s, op, va, size, write: true, out status);
        if (host == null && status == Status.Continue)
        {
            Unsupported(s, op, va, write: true);
        }

        return host;
    }

    private static bool PermitsUnaligned(CpuState* s, MicroOp* op, ulong va, int size, bool write)
    {
        s->ExactRetired = s->Retired - op->Left;
        if (!CpuState.OwnerOf(s).PermitsUnaligned(va, size, write))
        {
            return false;
        }

        // What is permitted must still be one host access: within 16 bytes (FEAT_LSE2).
        if ((va & 15) + (ulong)size <= 16)
        {
            return true;
        }

        Unsupported(s, op, va, write);
        return false;
    }

    private static void Unsupported(CpuState* s, MicroOp* op, ulong va, bool write)
    {
        s->ExactRetired = s->Retired - op->Left;
        ((IA64Exceptions)CpuState.OwnerOf(s)).RecordUnsupportedExclusive(va, write);
    }
}
