// Self-hosted debug: hardware breakpoints and watchpoints (Arm ARM D2.8, D2.9).
using Emu.Cpu.Arm64.Translate;
using Emu.Cpu.Mmu;

namespace Emu.Cpu.Arm64.SystemLevel;

/// <remarks>
/// While a breakpoint may match at the current exception level, blocks are one instruction long and looked at before they run. Pages with a watchpoint
/// are marked in the TLB, so that accesses to them take the slow path, which asks here.
/// </remarks>
public sealed unsafe partial class Arm64Vcpu
{
    private const ulong DebugEnable = 1;
    private const ulong MdscrKde = 1 << 13;
    private const ulong MdscrMde = 1 << 15;
    private const int PrivilegeShift = 1;
    private const int BreakpointTypeShift = 20;
    private const int LinkedShift = 16;
    private const int LoadStoreShift = 3;
    private const int WatchpointBasShift = 5;
    private const int WatchpointMaskShift = 24;
    private const ulong WatchpointLinked = 1 << 20;
    private const ulong ComparedAddress = 0x01FF_FFFF_FFFF_FFFC;

    /// <summary>The one context-aware breakpoint (ID_AA64DFR0_EL1.CTX_CMPs = 0): the last.</summary>
    private const int ContextBreakpoint = A64Features.Breakpoints - 1;

    /// <summary>Which exception levels an enabled breakpoint is for: bit n for ELn.</summary>
    private uint breakpointLevels;

    private bool watching;

    /// <summary>DBGBCR.BT.</summary>
    private enum BreakpointType
    {
        Address = 0,
        LinkedAddress = 1,
        Context = 2,
        LinkedContext = 3,
    }

    /// <summary>A breakpoint or watchpoint register, MDSCR_EL1 or the OS lock changed.</summary>
    internal void DebugChanged()
    {
        ref var r = ref a->System;
        var on = (r.Mdscr & MdscrMde) != 0 && r.OsLock == 0;
        breakpointLevels = 0;
        for (var n = 0; on && n < A64Features.Breakpoints; n++)
        {
            if ((r.Dbgbcr[n] & DebugEnable) != 0)
            {
                breakpointLevels |= Levels(r.Dbgbcr[n]);
            }
        }

        if ((r.Mdscr & MdscrKde) == 0)
        {
            breakpointLevels &= 1;
        }

        var watched = false;
        for (var n = 0; on && n < A64Features.Watchpoints; n++)
        {
            watched |= (r.Dbgwcr[n] & DebugEnable) != 0;
        }

        if (watched || watching)
        {
            watching = watched;
            Tlb.FlushAll();
        }

        UpdateMode();
    }

    /// <summary>PMC and PAC: bit 0 is EL1, bit 1 is EL0.</summary>
    private static uint Levels(ulong control) => (uint)(((control >> PrivilegeShift) & 1) << 1 | ((control >> (PrivilegeShift + 1)) & 1));

    /// <summary>Breakpoint and Watchpoint exceptions are taken from the current state.</summary>
    private bool DebugExceptionsEnabled()
    {
        ref var r = ref a->System;
        return (r.Mdscr & MdscrMde) != 0 && r.OsLock == 0 && (r.CurrentEl == 0 || ((r.Mdscr & MdscrKde) != 0 && (r.Daif & Pstate.D) == 0));
    }

    /// <summary>Takes the Breakpoint exception of the instruction at PC, if there is one.</summary>
    private bool TryTakeBreakpoint()
    {
        if (!DebugExceptionsEnabled())
        {
            return false;
        }

        for (var n = 0; n < A64Features.Breakpoints; n++)
        {
            if (BreakpointMatches(n))
            {
                TakeSynchronous(1, (int)ExceptionClass.Breakpoint + (ExceptionLevel == 0 ? 0 : 1), (uint)FaultStatus.Debug, State->Pc);
                return true;
            }
        }

        return false;
    }

    private bool BreakpointMatches(int n)
    {
        ref var r = ref a->System;
        var control = r.Dbgbcr[n];
        if ((control & DebugEnable) == 0 || (Levels(control) & (1u << ExceptionLevel)) == 0)
        {
            return false;
        }

        return (BreakpointType)((control >> BreakpointTypeShift) & 15) switch
        {
            BreakpointType.Address => AddressMatches(r.Dbgbvr[n]),
            BreakpointType.LinkedAddress => AddressMatches(r.Dbgbvr[n]) && LinkMatches(control),
            BreakpointType.Context => n == ContextBreakpoint && ContextMatches(n),
            _ => false,
        };
    }

    private bool AddressMatches(ulong value) => ((value ^ State->Pc) & ComparedAddress) == 0;

    private bool ContextMatches(int n) => (uint)a->System.Dbgbvr[n] == (uint)a->System.El1.ContextIdr;

    /// <summary>LBN: the breakpoint it names must match the context, too.</summary>
    private bool LinkMatches(ulong control)
    {
        var linked = a->System.Dbgbcr[ContextBreakpoint];
        return (int)((control >> LinkedShift) & 15) == ContextBreakpoint && (linked & DebugEnable) != 0
            && (BreakpointType)((linked >> BreakpointTypeShift) & 15) == BreakpointType.LinkedContext && ContextMatches(ContextBreakpoint);
    }

    /// <summary>Some enabled watchpoint watches something on the page of an address.</summary>
    private TlbInfo WatchedInfo(ulong va)
    {
        if (!watching)
        {
            return TlbInfo.None;
        }

        for (var n = 0; n < A64Features.Watchpoints; n++)
        {
            if ((a->System.Dbgwcr[n] & DebugEnable) != 0)
            {
                WatchedRange(n, out var first, out var length);
                var page = va & TlbEntry.PageMask & UntaggedMask;
                if (first < page + ~TlbEntry.PageMask + 1 && page < first + length)
                {
                    return TlbInfo.Watched;
                }
            }
        }

        return TlbInfo.None;
    }

    /// <summary>The bytes that a watchpoint watches, tag removed: a power of two from MASK, or the run that BAS selects.</summary>
    private void WatchedRange(int n, out ulong first, out ulong length)
    {
        var control = a->System.Dbgwcr[n];
        var value = a->System.Dbgwvr[n] & UntaggedMask;
        var mask = (int)(control >> WatchpointMaskShift) & 31;
        if (mask >= 3)
        {
            length = 1UL << mask;
            first = value & ~(length - 1);
            return;
        }

        // Word-aligned addresses use the low half of BAS.
        var bas = (uint)(control >> WatchpointBasShift) & ((value & 4) != 0 ? 0xFu : 0xFF);
        first = (value & ~((value & 4) != 0 ? 3UL : 7)) + (ulong)uint.TrailingZeroCount(bas | 0x100);
        length = (ulong)uint.PopCount(bas);
    }

    /// <inheritdoc/>
    public override bool PermitsWatched(ulong va, int size, bool write, bool unprivileged)
    {
        if (!DebugExceptionsEnabled())
        {
            return true;
        }

        var level = unprivileged && a->System.Uao == 0 ? 0 : ExceptionLevel;
        for (var n = 0; n < A64Features.Watchpoints; n++)
        {
            var control = a->System.Dbgwcr[n];
            var kinds = (control >> LoadStoreShift) & 3;
            if ((control & DebugEnable) == 0 || (kinds & (write ? 2u : 1)) == 0 || (Levels(control) & (1u << level)) == 0
                || ((control & WatchpointLinked) != 0 && !LinkMatches(control)))
            {
                continue;
            }

            WatchedRange(n, out var first, out var length);
            var address = va & UntaggedMask;
            if (first < address + (ulong)size && address < first + length)
            {
                // FAR: an address of the access that is watched.
                Record(ExceptionClass.Watchpoint, (uint)FaultStatus.Debug | (write ? Iss.Write : 0), va + (first > address ? first - address : 0));
                return false;
            }
        }

        return true;
    }

    /// <summary>Whether no watchpoint stops DC IVAC, which counts as a store to its whole line; if one does, its exception is recorded.</summary>
    internal bool PermitsInvalidation(ulong va)
    {
        const int Line = CacheHelpers.LineBytes;
        if (!watching || PermitsWatched(va & ~(ulong)(Line - 1), Line, write: true, unprivileged: false))
        {
            return true;
        }

        // The address is the instruction's, be it above what is watched (Arm ARM D2.10.5).
        fault.Far = va;
        fault.Iss |= Iss.CacheMaintenance;
        return false;
    }
}
