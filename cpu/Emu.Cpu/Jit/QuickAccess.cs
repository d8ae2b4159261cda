// The TLB probe as a call: what code of the lower tier has in place of an inline one.
using System.Runtime.CompilerServices;
using Emu.Cpu.Mmu;

namespace Emu.Cpu.Jit;

/// <summary>
/// Give the host address of an access that the TLB permits as a whole, or 0: then the interpreter does it. Not inlined: their bodies would be
/// compiled into every access.
/// </summary>
public static unsafe class QuickAccess
{
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
