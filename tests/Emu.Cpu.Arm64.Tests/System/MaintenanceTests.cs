// TLB maintenance, address-space switches, and broadcasts between vCPUs.
using Emu.Core;
using Emu.Cpu.Arm64.SystemLevel;

namespace Emu.Cpu.Arm64.Tests.SystemLevel;

public sealed unsafe class MaintenanceTests
{
    private const ulong Va = 0x12_3456_0000;
    private const ulong PageA = TestMachine.Data;
    private const ulong PageB = TestMachine.Data + 0x1000;

    private static TestMachine Machine(out PageTables tables, ulong attributes = PageTables.Page)
    {
        var m = new TestMachine();
        tables = new PageTables(m);
        tables.MapRam();
        tables.Map(Va, PageA, attributes);
        tables.Enable();
        m.Word(PageA) = 0xA;
        m.Word(PageB) = 0xB;
        return m;
    }

    private const uint LoadX0FromX5 = 0xF94000A0;

    private static uint Tlbi(uint crm, uint op2) => A64.Sys(0, 8, crm, op2, 0);

    /// <summary>CRm, op2 and operand of each form that must drop the page.</summary>
    public static TheoryData<uint, uint, ulong> Forms => new()
    {
        { 7, 0, 0 }, { 7, 1, Va >> 12 }, { 7, 3, Va >> 12 }, { 7, 5, Va >> 12 }, { 7, 7, Va >> 12 },
        { 3, 0, 0 }, { 3, 1, Va >> 12 }, { 1, 0, 0 }, { 1, 1, Va >> 12 }, { 1, 7, Va >> 12 },
        { 6, 1, (1UL << 46) | (Va >> 12) }, { 2, 3, (1UL << 46) | (31UL << 39) | ((Va >> 12) - 60) }, { 5, 5, (1UL << 46) | (1UL << 44) | (Va >> 12) },
        { 6, 1, Va >> 12 },
    };

    [Theory]
    [MemberData(nameof(Forms))]
    public void Tlbi_DropsCachedTranslation(uint crm, uint op2, ulong operand)
    {
        using var m = Machine(out var tables);
        Assert.Equal(0xAUL, m.Load(Va));
        tables.Map(Va, PageB);
        Assert.Equal(0xAUL, m.Load(Va));
        m.Cpu.X(0) = operand;
        m.Execute(Tlbi(crm, op2), A64.Dsb, A64.Isb);
        Assert.Equal(0xBUL, m.Load(Va));
    }

    [Fact]
    public void TlbiOfAnotherPage_LeavesTranslation()
    {
        using var m = Machine(out var tables);
        Assert.Equal(0xAUL, m.Load(Va));
        tables.Map(Va, PageB);
        m.Cpu.X(0) = (Va >> 12) + 1;
        m.Execute(Tlbi(7, 1), A64.Dsb);
        Assert.Equal(0xAUL, m.Load(Va));
    }

    [Fact]
    public void TlbiByAsid_DropsNonGlobalOnly()
    {
        using var m = Machine(out var tables);
        tables.Map(Va + 0x1000, PageA, PageTables.Page | PageTables.NonGlobal);
        Assert.Equal(0xAUL, m.Load(Va));
        Assert.Equal(0xAUL, m.Load(Va + 0x1000));
        tables.Map(Va, PageB);
        tables.Map(Va + 0x1000, PageB, PageTables.Page | PageTables.NonGlobal);
        m.Cpu.X(0) = 0;
        m.Execute(Tlbi(7, 2), A64.Dsb);
        Assert.Equal(0xAUL, m.Load(Va));
        Assert.Equal(0xBUL, m.Load(Va + 0x1000));
    }

    [Fact]
    public void TlbiOfBlock_DropsEveryPageOfIt()
    {
        using var m = Machine(out var tables);
        const ulong Block = 0x7000_0000_0000;
        tables.Map(Block, TestMachine.Ram, PageTables.Page, 2);
        m.Word(TestMachine.Ram + 0x30_0000 - 0x18_0000) = 0x77;
        Assert.Equal(0x77UL, m.Load(Block + 0x18_0000));
        tables.Map(Block, TestMachine.Ram + 0x20_0000, PageTables.Page, 2);
        m.Word(TestMachine.Ram + 0x38_0000) = 0x88;
        m.Cpu.X(0) = Block >> 12;
        m.Execute(Tlbi(7, 1), A64.Dsb);
        Assert.Equal(0x88UL, m.Load(Block + 0x18_0000));
    }

    [Fact]
    public void AsidSwitch_NeedsNoTlbi_ForNonGlobalPages()
    {
        using var m = Machine(out var tables, PageTables.Page | PageTables.NonGlobal);
        Assert.Equal(0xAUL, m.Load(Va));
        tables.Map(Va, PageB, PageTables.Page | PageTables.NonGlobal);
        m.Cpu.X(2) = tables.Root | (5UL << 48);
        m.Execute(A64.Msr(A64.Register(3, 0, 2, 0, 0), 2), A64.Isb);
        Assert.Equal(0xBUL, m.Load(Va));
    }

    [Fact]
    public void CodeAtRemappedPage_IsLookedUpAgainAfterTlbi()
    {
        using var m = Machine(out var tables);
        m.Put(PageA, A64.Mrs(0, A64.Register(3, 0, 0, 0, 0)), A64.Svc(1));
        m.Put(PageB, A64.Mrs(0, A64.Register(3, 0, 0, 0, 0)), A64.Svc(2));
        m.Cpu.State->Pc = Va;
        m.Run(2);
        Assert.Equal(1u, m.Iss);
        tables.Map(Va, PageB);
        m.Cpu.X(0) = Va >> 12;
        m.Execute(Tlbi(3, 1), A64.Dsb, A64.Isb);
        m.Cpu.State->Pc = Va;
        m.Run(2);
        Assert.Equal(2u, m.Iss);
    }

    [Fact]
    public void El0AddressSpaces_KeepTheirCodeApart()
    {
        using var m = Machine(out var tables, PageTables.Page | PageTables.User | PageTables.ReadOnly | PageTables.NonGlobal);
        m.Put(PageA, A64.Svc(1));
        m.Put(PageB, A64.Svc(2));
        for (var i = 0; i < 20; i++)
        {
            // One root, ASIDs in turn, the page remapped before an ASID is used first.
            var asid = (ulong)(i % 10) + 1;
            tables.Map(Va, asid % 2 == 0 ? PageA : PageB, PageTables.Page | PageTables.User | PageTables.ReadOnly | PageTables.NonGlobal);
            m.Cpu.X(2) = tables.Root | (asid << 48);
            m.Execute(A64.Msr(A64.Register(3, 0, 2, 0, 0), 2), A64.Isb);
            m.EnterEl0(Va);
            m.Run(1);
            Assert.Equal(asid % 2 == 0 ? 1u : 2u, m.Iss);
            Assert.Equal(Va + 4, m.Registers.El1.Elr);
        }
    }

    [Fact]
    public void Broadcast_InTurns_ReachesOtherVcpuAtOnce()
    {
        using var m = new TestMachine(vcpus: 2);
        var other = m.Cluster.Vcpus[1];
        other.SetBootState(TestMachine.Code, 0);
        var privileged = other.Tlb.FromPointer(other.State->Tlb);
        m.Put(TestMachine.Code, LoadX0FromX5);
        other.X(5) = TestMachine.Data;
        other.Run(other.Retired + 1);
        Assert.True(privileged.Used);
        m.Execute(Tlbi(3, 0), A64.Dsb);
        Assert.False(privileged.Used);
    }

    /// <summary>Two vCPUs on two threads broadcast to each other and wait, over and over: neither may wait for ever.</summary>
    [Fact]
    public void DsbAfterBroadcast_OnTwoThreads_AlwaysCompletes()
    {
        using var m = new TestMachine(vcpus: 2, parallel: true);
        var words = new uint[64];
        for (var i = 0; i < words.Length - 1; i += 2)
        {
            words[i] = Tlbi(3, 0);
            words[i + 1] = A64.Dsb;
        }

        words[^1] = A64.Svc(0);
        m.Put(TestMachine.Code, words);
        m.Put(TestMachine.Vectors + 0x200, A64.Eret);
        var threads = new Thread[2];
        for (var n = 0; n < 2; n++)
        {
            var cpu = m.Cluster.Vcpus[n];
            cpu.SetBootState(TestMachine.Code, 0);
            cpu.Arm64->System.El1.Vbar = TestMachine.Vectors;
            threads[n] = new Thread(() =>
            {
                for (var round = 0; round < 100; round++)
                {
                    cpu.State->Pc = TestMachine.Code;
                    var until = cpu.Retired + (ulong)words.Length - 1;
                    while (cpu.Retired < until)
                    {
                        Assert.Equal(VcpuExit.LimitReached, cpu.Run(until));
                    }
                }
            })
            { IsBackground = true };
        }

        foreach (var t in threads)
        {
            t.Start();
        }

        Assert.All(threads, t => Patience.Join(t));
    }

    /// <summary>After TLBI and DSB on one thread, a vCPU that runs on another has dropped its entry.</summary>
    [Fact]
    public void Broadcast_ToRunningVcpu_IsAppliedWhenDsbCompletes()
    {
        using var m = new TestMachine(vcpus: 2, parallel: true);
        var other = m.Cluster.Vcpus[1];
        other.SetBootState(TestMachine.Data, 0);

        // An endless loop that stays inside the gate: B .
        m.Put(TestMachine.Data, 0x14000000);
        var thread = new Thread(() =>
        {
            while (!m.Cluster.Shared.StopRequested)
            {
                other.Run(ulong.MaxValue);
            }
        })
        { IsBackground = true };
        thread.Start();
        Patience.Until(() => other.InGuest && other.Retired > 1000, "the other vCPU does not run");
        m.Execute(Tlbi(3, 0), A64.Dsb, A64.Nop);
        Assert.Equal(1L, other.MaintenanceApplied);
        m.Cluster.Shared.StopRequested = true;
        other.Kick();
        Patience.Join(thread);
    }
}
