// Self-hosted debug registers (Arm ARM D2, D18.3): breakpoints, watchpoints, step control, OS lock, debug communications.
namespace Emu.Cpu.Arm64.SystemLevel;

public static unsafe partial class SystemRegisterTable
{
    /// <summary>MDSCR_EL1: SS, ERR, TDCC, KDE, HDE, MDE, RXO, TXU, RXfull, TXfull; the last four are storage while the OS lock is set.</summary>
    private const ulong MdscrMask = 0x6C00_F041;

    private const ulong MdscrTdcc = 1 << 12;

    /// <summary>DBGBCRn_EL1: E, PMC, BAS, HMC, SSC, LBN, BT.</summary>
    private const ulong BreakpointControlMask = 0x00FF_E1E7;

    /// <summary>DBGWCRn_EL1: E, PAC, LSC, BAS, HMC, SSC, LBN, WT, MASK.</summary>
    private const ulong WatchpointControlMask = 0x1F1F_FFFF;

    private static bool DccPermitted(Arm64Vcpu c) => (c.Arm64->System.Mdscr & MdscrTdcc) == 0;

    private static List<SystemRegister> DebugRows()
    {
        List<SystemRegister> rows =
        [
            Plain(2, 0, 0, 0, 2, "OSDTRRX_EL1", 1, &At->System.Osdtrrx, 0xFFFF_FFFF),
            Plain(2, 0, 0, 2, 0, "MDCCINT_EL1", 1, &At->System.Mdccint, 3UL << 29),
            Plain(2, 0, 0, 2, 2, "MDSCR_EL1", 1, &At->System.Mdscr, MdscrMask, RegisterEffects.Mode | RegisterEffects.Debug),
            Plain(2, 0, 0, 3, 2, "OSDTRTX_EL1", 1, &At->System.Osdtrtx, 0xFFFF_FFFF),
            Plain(2, 0, 0, 6, 2, "OSECCR_EL1", 1, &At->System.Oseccr, 0xFFFF_FFFF),
            Made(2, 0, 1, 0, 0, "MDRAR_EL1", 1, c => 0),
            Made(2, 0, 1, 0, 4, "OSLAR_EL1", 1, null, WriteOsLock),

            // OSLM = 0b10: the OS lock is implemented.
            Made(2, 0, 1, 1, 4, "OSLSR_EL1", 1, c => c.Arm64->System.OsLock | (1 << 3)),
            Made(2, 0, 1, 3, 4, "OSDLR_EL1", 1, c => 0, (c, v) => { }),
            Plain(2, 0, 1, 4, 4, "DBGPRCR_EL1", 1, &At->System.Dbgprcr, 1),
            Made(2, 0, 7, 8, 6, "DBGCLAIMSET_EL1", 1, c => 0xFF, (c, v) => c.Arm64->System.DebugClaim |= v & 0xFF),
            Made(2, 0, 7, 9, 6, "DBGCLAIMCLR_EL1", 1, c => c.Arm64->System.DebugClaim, (c, v) => c.Arm64->System.DebugClaim &= ~v),

            // No external debug is enabled: every field reads as implemented-and-disabled or not implemented.
            Made(2, 0, 7, 14, 6, "DBGAUTHSTATUS_EL1", 1, c => 0),
            Made(2, 3, 0, 1, 0, "MDCCSR_EL0", 0, c => 0, user: (c, read) => DccPermitted(c)),
            Made(2, 3, 0, 4, 0, "DBGDTR_EL0", 0, c => 0, (c, v) => { }, (c, read) => DccPermitted(c)),
            Made(2, 3, 0, 5, 0, "DBGDTRRX_EL0", 0, c => 0, (c, v) => { }, (c, read) => DccPermitted(c)),
        ];
        for (uint n = 0; n < A64Features.Breakpoints; n++)
        {
            // The context-aware one holds a CONTEXTIDR value.
            rows.Add(Plain(2, 0, 0, n, 4, $"DBGBVR{n}_EL1", 1, &At->System.Dbgbvr[n], n == A64Features.Breakpoints - 1 ? ulong.MaxValue : ~3UL, RegisterEffects.Debug));
            rows.Add(Plain(2, 0, 0, n, 5, $"DBGBCR{n}_EL1", 1, &At->System.Dbgbcr[n], BreakpointControlMask, RegisterEffects.Debug));
        }

        for (uint n = 0; n < A64Features.Watchpoints; n++)
        {
            rows.Add(Plain(2, 0, 0, n, 6, $"DBGWVR{n}_EL1", 1, &At->System.Dbgwvr[n], ~3UL, RegisterEffects.Debug));
            rows.Add(Plain(2, 0, 0, n, 7, $"DBGWCR{n}_EL1", 1, &At->System.Dbgwcr[n], WatchpointControlMask, RegisterEffects.Debug));
        }

        return rows;
    }

    private static void WriteOsLock(Arm64Vcpu c, ulong value)
    {
        c.Arm64->System.OsLock = (value & 1) << 1;
        c.DebugChanged();
    }
}
