// What code of the lower tier calls, where that of regions has it inline: the TLB probe, and the way to the next block.
using System.Runtime.CompilerServices;
using Emu.Cpu.Blocks;
using Emu.Cpu.Mmu;

namespace Emu.Cpu.Jit;

/// <summary>
/// Accesses get the host address of what the TLB permits as a whole, or 0: then the interpreter does it. Nothing is inlined: it would be compiled
/// into every block.
/// </summary>
public static unsafe class QuickAccess
{
    /// <summary>Exit slot that stands for the jump cache.</summary>
    public const int NoSlot = -1;

    /// <summary>Exit slot that stands for the return-address predictor, then the jump cache.</summary>
    public const int ReturnSlot = NoSlot - 1;

    /// <summary>The code that comes next; where there is none, the <see cref="CompiledExit"/> to leave with.</summary>
    /// <param name="s">The state, <see cref="CpuState.Pc"/> that of the next block.</param>
    /// <param name="block">The block that ends.</param>
    /// <param name="slot">Its exit, or <see cref="NoSlot"/>, or <see cref="ReturnSlot"/>.</param>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static nint Next(CpuState* s, Block* block, int slot)
    {
        Block* next;
        if (slot >= 0)
        {
            next = (Block*)Volatile.Read(ref *(nint*)(slot == 0 ? &block->Next0 : &block->Next1));
            if (next == null)
            {
                s->LinkFrom = block;
                s->LinkSlot = slot;
                return (nint)CompiledExit.LinkWanted;
            }
        }
        else
        {
            var predicted = (JumpCacheEntry*)((byte*)s + CpuState.ReturnsOffset + s->ReturnTop);
            if (slot == ReturnSlot && predicted->Tag == (s->Pc ^ s->PcTag))
            {
                s->ReturnTop = (s->ReturnTop - (ulong)sizeof(JumpCacheEntry)) & CpuState.ReturnTopMask;
                next = predicted->Target;
                s->ReturnHits++;
            }
            else
            {
                var type = s->ArrivalType;
                var entry = s->JumpCache + JumpCacheEntry.Index(s->Pc, type);
                next = entry->Tag == JumpCacheEntry.TagOf(s->Pc, s->PcTag, type) ? entry->Target : null;
            }

            if (next == null || next->Key != s->ModeKey)
            {
                return (nint)CompiledExit.Left;
            }
        }

        var code = Volatile.Read(ref *(nint*)&next->Code);
        if (code != 0)
        {
            s->ChainHits++;
        }

        return code;
    }

    /// <summary>A load.</summary>
    /// <param name="s">The state.</param>
    /// <param name="va">Address of the first byte.</param>
    /// <param name="last">Bytes less one.</param>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static ulong Read(CpuState* s, ulong va, uint last)
    {
        var e = TlbEntry.At(s->Tlb, va);
        return ((va + last) & TlbEntry.PageMask) == e->ReadTag ? va + e->Addend : 0;
    }

    /// <summary>A store.</summary>
    /// <inheritdoc cref="Read"/>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static ulong Write(CpuState* s, ulong va, uint last)
    {
        var e = TlbEntry.At(s->Tlb, va);
        return ((va + last) & TlbEntry.PageMask) == e->WriteTag ? va + e->Addend : 0;
    }

    /// <summary>A load as from EL0.</summary>
    /// <inheritdoc cref="Read"/>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static ulong ReadUnprivileged(CpuState* s, ulong va, uint last)
    {
        var e = TlbEntry.At(s->TlbUnprivileged, va);
        return ((va + last) & TlbEntry.PageMask) == e->ReadTag ? va + e->Addend : 0;
    }

    /// <summary>A store as from EL0.</summary>
    /// <inheritdoc cref="Read"/>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static ulong WriteUnprivileged(CpuState* s, ulong va, uint last)
    {
        var e = TlbEntry.At(s->TlbUnprivileged, va);
        return ((va + last) & TlbEntry.PageMask) == e->WriteTag ? va + e->Addend : 0;
    }
}
