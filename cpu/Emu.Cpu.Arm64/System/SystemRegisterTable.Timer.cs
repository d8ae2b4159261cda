// The Generic Timer's registers (Arm ARM D11.2, D18.11), with the EL0 rules of CNTKCTL_EL1.
namespace Emu.Cpu.Arm64.SystemLevel;

public static unsafe partial class SystemRegisterTable
{
    private const ulong El0Pcten = 1;
    private const ulong El0Vcten = 1 << 1;
    private const ulong El0Vten = 1 << 8;
    private const ulong El0Pten = 1 << 9;

    /// <summary>CNTKCTL_EL1: the EL0 enables, event stream controls and EVNTIS.</summary>
    private const ulong CntkctlMask = 0x2_03FF;

    private static bool Permits(Arm64Vcpu c, ulong bits) => (c.Arm64->System.Cntkctl & bits) != 0;

    private static SystemRegister[] TimerRows() =>
    [
        Plain(3, 0, 14, 1, 0, "CNTKCTL_EL1", 1, &At->System.Cntkctl, CntkctlMask),
        new()
        {
            Encoding = SystemRegister.Encode(3, 3, 14, 0, 0), Name = "CNTFRQ_EL0", MinimumLevel = 0, Access = RegisterAccess.ReadWrite,

            // Written at the highest exception level implemented, which is EL1.
            ReadValue = c => c.Arm64->System.Cntfrq, WriteValue = (c, v) => c.Arm64->System.Cntfrq = (uint)v, UserReadOnly = true, UserMay = (c, read) => Permits(c, El0Pcten | El0Vcten),
        },
        Made(3, 3, 14, 0, 1, "CNTPCT_EL0", 0, c => c.PhysicalTimer.Count, user: (c, read) => Permits(c, El0Pcten)),
        Made(3, 3, 14, 0, 2, "CNTVCT_EL0", 0, c => c.VirtualTimer.Count, user: (c, read) => Permits(c, El0Vcten)),
        Made(3, 3, 14, 0, 5, "CNTPCTSS_EL0", 0, c => c.PhysicalTimer.Count, user: (c, read) => Permits(c, El0Pcten), feature: A64Feature.ECV),
        Made(3, 3, 14, 0, 6, "CNTVCTSS_EL0", 0, c => c.VirtualTimer.Count, user: (c, read) => Permits(c, El0Vcten), feature: A64Feature.ECV),
        Made(3, 3, 14, 2, 0, "CNTP_TVAL_EL0", 0, c => c.PhysicalTimer.Value, (c, v) => c.PhysicalTimer.Value = v, (c, read) => Permits(c, El0Pten)),
        Made(3, 3, 14, 2, 1, "CNTP_CTL_EL0", 0, c => c.PhysicalTimer.Control, (c, v) => c.PhysicalTimer.Control = v, (c, read) => Permits(c, El0Pten)),
        Made(3, 3, 14, 2, 2, "CNTP_CVAL_EL0", 0, c => c.PhysicalTimer.Compare, (c, v) => c.PhysicalTimer.Compare = v, (c, read) => Permits(c, El0Pten)),
        Made(3, 3, 14, 3, 0, "CNTV_TVAL_EL0", 0, c => c.VirtualTimer.Value, (c, v) => c.VirtualTimer.Value = v, (c, read) => Permits(c, El0Vten)),
        Made(3, 3, 14, 3, 1, "CNTV_CTL_EL0", 0, c => c.VirtualTimer.Control, (c, v) => c.VirtualTimer.Control = v, (c, read) => Permits(c, El0Vten)),
        Made(3, 3, 14, 3, 2, "CNTV_CVAL_EL0", 0, c => c.VirtualTimer.Compare, (c, v) => c.VirtualTimer.Compare = v, (c, read) => Permits(c, El0Vten)),
    ];
}
