// The performance monitors' registers (Arm ARM D18.5), with the EL0 rules of PMUSERENR_EL0.
namespace Emu.Cpu.Arm64.SystemLevel;

public static unsafe partial class SystemRegisterTable
{
    private const ulong PmuUserEnable = 1;
    private const ulong PmuUserIncrement = 1 << 1;
    private const ulong PmuUserCycles = 1 << 2;
    private const ulong PmuUserEvents = 1 << 3;
    private const ulong PmuSelectMask = 31;

    private static bool PmuPermits(Arm64Vcpu c, ulong bits) => (c.Arm64->System.Pmuserenr & bits) != 0;

    private static bool PmuUser(Arm64Vcpu c, bool read) => PmuPermits(c, PmuUserEnable);

    private static bool PmuUserIncrements(Arm64Vcpu c, bool read) => PmuPermits(c, PmuUserEnable | PmuUserIncrement);

    private static bool PmuUserSelects(Arm64Vcpu c, bool read) => PmuPermits(c, PmuUserEnable | PmuUserEvents);

    private static bool PmuUserCounts(Arm64Vcpu c, bool read) => PmuPermits(c, PmuUserEnable | (read ? PmuUserEvents : 0));

    private static bool PmuUserCountsCycles(Arm64Vcpu c, bool read) => PmuPermits(c, PmuUserEnable | (read ? PmuUserCycles : 0));

    private static uint Selected(Arm64Vcpu c) => (uint)c.Arm64->System.Pmselr;

    private static SystemRegister Pmu(
        uint crm, uint op2, string name, Func<Arm64Vcpu, ulong>? read, Action<Arm64Vcpu, ulong>? write, Func<Arm64Vcpu, bool, bool>? user = null, uint crn = 9) =>
        Made(3, 3, crn, crm, op2, name, 0, read, write, user ?? PmuUser, A64Feature.PMUv3);

    private static List<SystemRegister> PerformanceRows()
    {
        List<SystemRegister> rows =
        [
            Made(3, 0, 9, 14, 1, "PMINTENSET_EL1", 1, c => c.Monitors.InterruptEnabled, (c, v) => c.Monitors.InterruptEnabled |= v, feature: A64Feature.PMUv3),
            Made(3, 0, 9, 14, 2, "PMINTENCLR_EL1", 1, c => c.Monitors.InterruptEnabled, (c, v) => c.Monitors.InterruptEnabled &= ~v, feature: A64Feature.PMUv3),
            Pmu(12, 0, "PMCR_EL0", c => c.Monitors.Control, (c, v) => c.Monitors.Control = v),
            Pmu(12, 1, "PMCNTENSET_EL0", c => c.Monitors.Enabled, (c, v) => c.Monitors.Enabled |= v),
            Pmu(12, 2, "PMCNTENCLR_EL0", c => c.Monitors.Enabled, (c, v) => c.Monitors.Enabled &= ~v),
            Pmu(12, 3, "PMOVSCLR_EL0", c => c.Monitors.Overflowed, (c, v) => c.Monitors.Overflowed &= ~v),
            Pmu(12, 4, "PMSWINC_EL0", null, (c, v) => c.Monitors.Increment(v), PmuUserIncrements),
            Pmu(12, 5, "PMSELR_EL0", c => c.Arm64->System.Pmselr, (c, v) => c.Arm64->System.Pmselr = v & PmuSelectMask, PmuUserSelects),
            Pmu(12, 6, "PMCEID0_EL0", c => PerformanceMonitors.CommonEvents0, null),
            Pmu(12, 7, "PMCEID1_EL0", c => PerformanceMonitors.CommonEvents1, null),
            Pmu(13, 0, "PMCCNTR_EL0", c => c.Monitors.CycleCount, (c, v) => c.Monitors.CycleCount = v, PmuUserCountsCycles),
            Pmu(13, 1, "PMXEVTYPER_EL0", c => c.Monitors.ReadType(Selected(c)), (c, v) => c.Monitors.WriteType(Selected(c), v)),
            Pmu(13, 2, "PMXEVCNTR_EL0", c => c.Monitors.ReadCounter(Selected(c)), (c, v) => c.Monitors.WriteCounter(Selected(c), v), PmuUserCounts),
            new()
            {
                Encoding = SystemRegister.Encode(3, 3, 9, 14, 0), Name = "PMUSERENR_EL0", MinimumLevel = 0, Access = RegisterAccess.ReadWrite,
                Slot = Slot(&At->System.Pmuserenr), WriteMask = 15, UserReadOnly = true, Feature = A64Feature.PMUv3,
            },
            Pmu(14, 3, "PMOVSSET_EL0", c => c.Monitors.Overflowed, (c, v) => c.Monitors.Overflowed |= v),
            Pmu(15, 7, "PMCCFILTR_EL0", c => c.Monitors.CycleFilter, (c, v) => c.Monitors.CycleFilter = v, crn: 14),
        ];
        for (uint i = 0; i < PerformanceMonitors.EventCounters; i++)
        {
            var n = i;
            rows.Add(Pmu(8, n, $"PMEVCNTR{n}_EL0", c => c.Monitors.ReadCounter(n), (c, v) => c.Monitors.WriteCounter(n, v), PmuUserCounts, 14));
            rows.Add(Pmu(12, n, $"PMEVTYPER{n}_EL0", c => c.Monitors.ReadType(n), (c, v) => c.Monitors.WriteType(n, v), crn: 14));
        }

        return rows;
    }
}
