// The slow path of guest memory accesses: TLB fill, device windows, code pages, page crossings, faults. Shared by every engine.
using System.Runtime.CompilerServices;
using Emu.Cpu.Ir;

namespace Emu.Cpu.Mmu;

/// <summary>
/// What the inlined TLB probe falls back to, and what helpers use. Every method returns a <see cref="Status"/>: <see cref="Status.Fault"/>
/// with the exception recorded and nothing written, <see cref="Status.ExitNext"/> after a device access (which may have raised an
/// interrupt or moved a deadline: the block is left at this exact instruction on every engine), else <see cref="Status.Continue"/>.
/// </summary>
public static unsafe class MemoryAccess
{
    /// <summary>Loads 1 to 16 bytes.</summary>
    /// <param name="s">vCPU state.</param>
    /// <param name="op">The micro-op, for exact time and PC.</param>
    /// <param name="va">Virtual address; any alignment, may cross a page.</param>
    /// <param name="size">Bytes.</param>
    /// <param name="destination">Receives the bytes.</param>
    /// <param name="unprivileged">Use EL0 permissions (LDTR).</param>
    public static int Load(CpuState* s, MicroOp* op, ulong va, int size, void* destination, bool unprivileged = false)
    {
        var table = unprivileged ? s->TlbUnprivileged : s->Tlb;
        var e = Entry(table, va);
        if (((va + (ulong)size - 1) & TlbEntry.PageMask) == e->ReadTag)
        {
            Copy(destination, (void*)(va + e->Addend), size);
            return Status.Continue;
        }

        return LoadMiss(s, op, va, size, destination, unprivileged);
    }

    /// <summary>Stores 1 to 16 bytes. Both pages of a crossing access are checked before anything is written.</summary>
    public static int Store(CpuState* s, MicroOp* op, ulong va, int size, void* source, bool unprivileged = false)
    {
        var table = unprivileged ? s->TlbUnprivileged : s->Tlb;
        var e = Entry(table, va);
        if (((va + (ulong)size - 1) & TlbEntry.PageMask) == e->WriteTag)
        {
            Copy((void*)(va + e->Addend), source, size);
            return Status.Continue;
        }

        return StoreMiss(s, op, va, size, source, unprivileged);
    }

    /// <summary>
    /// Host address for an access that must be one host operation (exclusives, atomics, DC ZVA). Write access invalidates code of the bytes.
    /// </summary>
    /// <param name="s">vCPU state.</param>
    /// <param name="op">The micro-op.</param>
    /// <param name="va">Virtual address; the access must not cross a page.</param>
    /// <param name="size">Bytes.</param>
    /// <param name="write">The access writes.</param>
    /// <param name="status">Fault, or Continue.</param>
    /// <param name="unprivileged">Use EL0 permissions.</param>
    /// <returns>The host address, or null on a fault or when the page is not RAM (then status is Continue).</returns>
    public static byte* Probe(CpuState* s, MicroOp* op, ulong va, int size, bool write, out int status, bool unprivileged = false)
    {
        status = Status.Continue;
        var e = Entry(unprivileged ? s->TlbUnprivileged : s->Tlb, va);
        if (((va + (ulong)size - 1) & TlbEntry.PageMask) == (write ? e->WriteTag : e->ReadTag))
        {
            return (byte*)(va + e->Addend);
        }

        var cpu = CpuState.OwnerOf(s);
        s->ExactRetired = s->Retired - op->Left;
        if (!CheckAlignmentFirst(cpu, va, size, write))
        {
            status = Status.Fault;
            return null;
        }

        e = Find(cpu, s, va, write ? AccessKind.Write : AccessKind.Read, unprivileged);
        if (e == null || !CheckAlignment(cpu, e, va, size, write, unprivileged))
        {
            status = Status.Fault;
            return null;
        }

        var info = (TlbInfo)e->Info;
        if ((info & TlbInfo.Ram) == 0 || (write && (info & TlbInfo.ReadOnlyMemory) != 0))
        {
            return null;
        }

        if (write && (e->WriteTag & TlbEntry.Code) != 0)
        {
            InvalidateCode(cpu, e, va, size);
        }

        return (byte*)(va + e->Addend);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int LoadMiss(CpuState* s, MicroOp* op, ulong va, int size, void* destination, bool unprivileged)
    {
        var cpu = CpuState.OwnerOf(s);
        s->ExactRetired = s->Retired - op->Left;
        var inPage = (int)Math.Min((ulong)size, 0x1000 - (va & 0xFFF));
        if (!CheckAlignmentFirst(cpu, va, size, write: false))
        {
            return Status.Fault;
        }

        var e = Find(cpu, s, va, AccessKind.Read, unprivileged);
        if (e == null || !CheckAlignment(cpu, e, va, size, write: false, unprivileged))
        {
            return Status.Fault;
        }

        if (inPage == size)
        {
            return LoadPart(cpu, s, e, va, size, (byte*)destination);
        }

        // Page crossing: the second page may evict the first one's entry only if they share an index, which neighbours do not.
        var second = Find(cpu, s, va + (ulong)inPage, AccessKind.Read, unprivileged);
        if (second == null || !CheckAlignment(cpu, second, va, size, write: false, unprivileged))
        {
            return Status.Fault;
        }

        var buffer = stackalloc byte[16];
        var status = LoadPart(cpu, s, e, va, inPage, buffer) | LoadPart(cpu, s, second, va + (ulong)inPage, size - inPage, buffer + inPage);
        Copy(destination, buffer, size);
        return status;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int StoreMiss(CpuState* s, MicroOp* op, ulong va, int size, void* source, bool unprivileged)
    {
        var cpu = CpuState.OwnerOf(s);
        s->ExactRetired = s->Retired - op->Left;
        var inPage = (int)Math.Min((ulong)size, 0x1000 - (va & 0xFFF));
        if (!CheckAlignmentFirst(cpu, va, size, write: true))
        {
            return Status.Fault;
        }

        var e = Find(cpu, s, va, AccessKind.Write, unprivileged);
        if (e == null || !CheckAlignment(cpu, e, va, size, write: true, unprivileged))
        {
            return Status.Fault;
        }

        if (inPage == size)
        {
            return StorePart(cpu, s, e, va, size, (byte*)source);
        }

        var second = Find(cpu, s, va + (ulong)inPage, AccessKind.Write, unprivileged);
        if (second == null || !CheckAlignment(cpu, second, va, size, write: true, unprivileged))
        {
            return Status.Fault;
        }

        return StorePart(cpu, s, e, va, inPage, (byte*)source) | StorePart(cpu, s, second, va + (ulong)inPage, size - inPage, (byte*)source + inPage);
    }

    private static int LoadPart(Vcpu cpu, CpuState* s, TlbEntry* e, ulong va, int size, byte* destination)
    {
        if ((e->Info & (ulong)TlbInfo.Ram) != 0)
        {
            Copy(destination, (void*)(va + e->Addend), size);
            return Status.Continue;
        }

        var pa = (e->Info & TlbEntry.PageMask) | (va & 0xFFF);
        for (var done = 0; done < size;)
        {
            var chunk = Chunk(pa + (ulong)done, size - done);
            var value = cpu.Memory.Read(pa + (ulong)done, chunk, cpu.CurrentPc());
            Copy(destination + done, &value, chunk);
            done += chunk;
        }

        return Status.ExitNext;
    }

    private static int StorePart(Vcpu cpu, CpuState* s, TlbEntry* e, ulong va, int size, byte* source)
    {
        var info = (TlbInfo)e->Info;
        if ((info & (TlbInfo.Ram | TlbInfo.ReadOnlyMemory)) == TlbInfo.Ram)
        {
            // Written first, invalidated after: a translation made in between is dropped too.
            Copy((void*)(va + e->Addend), source, size);
            return (e->WriteTag & TlbEntry.Code) != 0 && InvalidateCode(cpu, e, va, size) && cpu.CodeWriteEndsBlock
                ? Status.ExitNext
                : Status.Continue;
        }

        var pa = (e->Info & TlbEntry.PageMask) | (va & 0xFFF);
        for (var done = 0; done < size;)
        {
            var chunk = Chunk(pa + (ulong)done, size - done);
            ulong value = 0;
            Copy(&value, source + done, chunk);
            cpu.Memory.Write(pa + (ulong)done, chunk, value, cpu.CurrentPc());
            done += chunk;
        }

        return Status.ExitNext;
    }

    /// <summary>The entry that permits an access, filling it as needed; null after a fault was recorded.</summary>
    private static TlbEntry* Find(Vcpu cpu, CpuState* s, ulong va, AccessKind kind, bool unprivileged)
    {
        var table = unprivileged ? s->TlbUnprivileged : s->Tlb;
        var e = Entry(table, va);
        var tag = (kind == AccessKind.Write ? e->WriteTag : e->ReadTag) & ~(TlbEntry.Slow | TlbEntry.Code);
        if (tag == (va & TlbEntry.PageMask))
        {
            return e;
        }

        return cpu.FillTlb(table, va, kind, unprivileged);
    }

    /// <summary>Where every access must be aligned, that comes before the translation's faults.</summary>
    private static bool CheckAlignmentFirst(Vcpu cpu, ulong va, int size, bool write) =>
        (va & ((ulong)size - 1)) == 0 || !cpu.ChecksAlignmentFirst || cpu.PermitsUnaligned(va, size, write);

    private static bool CheckAlignment(Vcpu cpu, TlbEntry* e, ulong va, int size, bool write, bool unprivileged)
    {
        if ((e->Info & (ulong)(TlbInfo.Device | TlbInfo.CheckAlignment)) != 0 && (va & ((ulong)size - 1)) != 0)
        {
            // A pair of registers is aligned to one of them: the caller passes the size of the whole, so only naturally sized accesses get here unaligned.
            return cpu.PermitsUnaligned(va, size, write);
        }

        return (e->Info & (ulong)TlbInfo.Watched) == 0 || cpu.PermitsWatched(va, size, write, unprivileged);
    }

    /// <summary>Invalidates code under a write; true when some was there. Clears the entry's flag when the page holds no code any more.</summary>
    private static bool InvalidateCode(Vcpu cpu, TlbEntry* e, ulong va, int size)
    {
        var pa = (e->Info & TlbEntry.PageMask) | (va & 0xFFF);
        var hit = cpu.Code.Invalidate(pa, (ulong)size);
        cpu.RefreshWriteTag(e);
        return hit;
    }

    private static int Chunk(ulong pa, int left)
    {
        var chunk = 8;
        while (chunk > left || (pa & (ulong)(chunk - 1)) != 0)
        {
            chunk >>= 1;
        }

        return chunk;
    }

    private static TlbEntry* Entry(byte* table, ulong va) => (TlbEntry*)(table + (((va >> TlbEntry.IndexShift) & TlbEntry.IndexMask) ^ ((va >> TlbEntry.FoldShift) & TlbEntry.FoldMask)));

    private static void Copy(void* to, void* from, int size)
    {
        // Single-copy atomic for the naturally aligned sizes.
        switch (size)
        {
            case 1: *(byte*)to = *(byte*)from; break;
            case 2: *(ushort*)to = *(ushort*)from; break;
            case 4: *(uint*)to = *(uint*)from; break;
            case 8: *(ulong*)to = *(ulong*)from; break;
            case 16: *(UInt128*)to = *(UInt128*)from; break;
            default: Buffer.MemoryCopy(from, to, size, size); break;
        }
    }
}
