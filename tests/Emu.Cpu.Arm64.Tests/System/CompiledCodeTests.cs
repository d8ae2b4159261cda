// Compiled code and what makes it stale on this architecture: TLBI, ASIDs, permissions, stores and IC, on one vCPU and between two.
using Emu.Core;
using Emu.Cpu.Arm64.SystemLevel;

namespace Emu.Cpu.Arm64.Tests.SystemLevel;

public sealed unsafe class CompiledCodeTests
{
    private const ulong Va = 0x12_3456_0000;
    private const ulong PageA = TestMachine.Data;
    private const ulong PageB = TestMachine.Data + 0x1000;
    private const ulong Caller = TestMachine.Ram + 0x50000;
    private const int Calls = 20;

    private const uint Ret = 0xD65F03C0;
    private const uint Blr10 = 0xD63F0140;

    private static uint MovX0(uint value) => 0xD2800000 | (value << 5);

    private static uint Tlbi(uint crm, uint op2) => A64.Sys(0, 8, crm, op2, 0);

    /// <summary>A loop that calls X10 twenty times and adds up what comes back in X3, and two pages with functions that give 1 and 2.</summary>
    private static TestMachine Machine(out PageTables tables, ulong attributes = PageTables.Page)
    {
        var m = new TestMachine(compiles: true);
        tables = new PageTables(m);
        tables.MapRam();
        tables.Map(Va, PageA, attributes);
        tables.Enable();

        // CPACR_EL1.FPEN: vector stores are among those that may hit code.
        m.Cpu.X(1) = 3UL << 20;
        m.Execute(A64.Msr(A64.Register(3, 0, 1, 0, 2), 1), A64.Isb);
        m.Put(
            Caller,
            0xD2800009 | (Calls << 5), // mov x9, #Calls
            Blr10,
            0x8B000063,                // add x3, x3, x0
            0xF1000529,                // subs x9, x9, #1
            0x54FFFFA1,                // b.ne blr
            0x14000000);               // b .
        PutFunctions(m);
        return m;
    }

    private static void PutFunctions(TestMachine m)
    {
        m.Put(PageA, MovX0(1), Ret);
        m.Put(PageB, MovX0(2), Ret);
    }

    /// <summary>Calls the function; gives the sum.</summary>
    private static ulong Call(TestMachine m, ulong function = Va)
    {
        m.Cpu.X(3) = 0;
        m.Cpu.X(10) = function;
        m.Cpu.State->Pc = Caller;
        m.Run(1 + (Calls * 6));
        return m.Cpu.X(3);
    }

    /// <summary>Calls until the function's page is compiled.</summary>
    private static void Warm(TestMachine m, ulong physical = PageA)
    {
        Assert.Equal((ulong)Calls, Call(m));
        Assert.Equal((ulong)Calls, Call(m));
        Assert.True(m.Cpu.Code.Find(physical, m.Cpu.State->ModeKey)->Code != null);
    }

    /// <summary>CRm, op2 and operand of each form that must drop the page, local and broadcast, plain and by range.</summary>
    public static TheoryData<uint, uint, ulong> Forms
    {
        get
        {
            const ulong Page = Va >> 12;
            const ulong Granule4K = 1UL << 46;
            var forms = new TheoryData<uint, uint, ulong>();
            foreach (var crm in (uint[])[7, 3, 1])
            {
                forms.Add(crm, 0, 0);
                foreach (var op2 in (uint[])[1, 3, 5, 7])
                {
                    forms.Add(crm, op2, Page);
                }
            }

            foreach (var crm in (uint[])[6, 2, 5])
            {
                foreach (var op2 in (uint[])[1, 3, 5, 7])
                {
                    forms.Add(crm, op2, Granule4K | Page);
                }
            }

            return forms;
        }
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void RemappedFunction_RunsFromTheNewPage_AfterEveryFormOfTlbi(uint crm, uint op2, ulong operand)
    {
        using var m = Machine(out var tables);
        Warm(m);
        for (var round = 0; round < 4; round++)
        {
            tables.Map(Va, round % 2 == 0 ? PageB : PageA);
            m.Cpu.X(0) = operand;
            m.Execute(Tlbi(crm, op2), A64.Dsb, A64.Isb);
            Assert.Equal((ulong)Calls * (round % 2 == 0 ? 2u : 1u), Call(m));
        }
    }

    /// <summary>The loop itself is in the page that goes: one region holds all of it.</summary>
    [Theory]
    [MemberData(nameof(Forms))]
    public void RemappedLoop_RunsFromTheNewPage_AfterEveryFormOfTlbi(uint crm, uint op2, ulong operand)
    {
        using var m = Machine(out var tables);
        foreach (var (page, step) in ((ulong, uint)[])[(PageA, 1), (PageB, 2)])
        {
            // mov x9, #100; add x3, x3, #step; subs x9, x9, #1; b.ne add; b .
            m.Put(page, 0xD2800009 | (100 << 5), 0x91000063 | (step << 10), 0xF1000529, 0x54FFFFC1, 0x14000000);
        }

        for (var round = 0; round < 4; round++)
        {
            m.Cpu.X(3) = 0;
            m.Cpu.State->Pc = Va;
            m.Run(1 + (100 * 3));
            Assert.Equal(round % 2 == 0 ? 100UL : 200UL, m.Cpu.X(3));
            Assert.True(m.Cpu.CompiledRetired > 0);
            tables.Map(Va, round % 2 == 0 ? PageB : PageA);
            m.Cpu.X(0) = operand;
            m.Execute(Tlbi(crm, op2), A64.Dsb, A64.Isb);
        }
    }

    [Theory]
    [InlineData(7, 2)]
    [InlineData(3, 2)]
    [InlineData(1, 2)]
    public void NonGlobalFunction_RunsFromTheNewPage_AfterTlbiByAsid(uint crm, uint op2)
    {
        using var m = Machine(out var tables, PageTables.Page | PageTables.NonGlobal);
        Warm(m);
        tables.Map(Va, PageB, PageTables.Page | PageTables.NonGlobal);
        m.Cpu.X(0) = 0;
        m.Execute(Tlbi(crm, op2), A64.Dsb, A64.Isb);
        Assert.Equal(Calls * 2UL, Call(m));
    }

    [Fact]
    public void NonGlobalFunction_IsNotRunInAnotherAddressSpace()
    {
        using var m = Machine(out var tables, PageTables.Page | PageTables.NonGlobal);
        Warm(m);
        tables.Map(Va, PageB, PageTables.Page | PageTables.NonGlobal);
        m.Cpu.X(2) = tables.Root | (5UL << 48);
        m.Execute(A64.Msr(A64.Register(3, 0, 2, 0, 0), 2), A64.Isb);
        Assert.Equal(Calls * 2UL, Call(m));
    }

    /// <summary>More address spaces at EL0 than a vCPU has tables; then each ASID again with another page, after TLBI ASIDE1.</summary>
    [Theory]
    [InlineData(7)]
    [InlineData(3)]
    public void ReusedAsid_RunsItsNewCode_AtEl0(uint crm)
    {
        const ulong Attributes = PageTables.Page | PageTables.User | PageTables.ReadOnly | PageTables.NonGlobal;
        using var m = Machine(out var tables, Attributes);

        // mov x9, #50; add x3, x3, #step; subs; b.ne; svc #step
        foreach (var (page, step) in ((ulong, uint)[])[(PageA, 1), (PageB, 2)])
        {
            m.Put(page, 0xD2800009 | (50 << 5), 0x91000063 | (step << 10), 0xF1000529, 0x54FFFFC1, A64.Svc(step));
        }

        for (var i = 0; i < 60; i++)
        {
            var asid = (ulong)(i % 12) + 1;
            var second = (i / 12) % 2 != 0;
            tables.Map(Va, second ? PageB : PageA, Attributes);
            m.Cpu.X(0) = asid << 48;
            m.Cpu.X(2) = tables.Root | (asid << 48);
            m.Execute(Tlbi(crm, 2), A64.Dsb, A64.Msr(A64.Register(3, 0, 2, 0, 0), 2), A64.Isb);
            m.Cpu.X(3) = 0;
            m.EnterEl0(Va);
            m.Run(1 + (50 * 3) + 1);
            Assert.Equal(second ? 100UL : 50UL, m.Cpu.X(3));
            Assert.Equal(second ? 2u : 1u, m.Iss);
        }

        Assert.True(m.Cpu.CompiledRetired > 0);
    }

    /// <summary>
    /// An address with a wrong top byte is nowhere, though caches of one address space tell themselves from those of others by that byte: a function that
    /// called SVC in one is looked for at every such address in another, by BR and by RET.
    /// </summary>
    [Theory]
    [InlineData(0xD61F00A0u)]
    [InlineData(0xD65F00A0u)]
    public void AddressWithAWrongTopByte_NeverFindsAnotherAddressSpacesCode(uint branch)
    {
        const ulong Attributes = PageTables.Page | PageTables.User | PageTables.ReadOnly | PageTables.NonGlobal;
        const ulong Caller = Va + 0x1000;
        const ulong High = 0xFFFF_0000_0000_0000;
        using var m = new TestMachine(compiles: true);
        var tables = new PageTables(m);
        tables.MapRam();
        tables.Map(Va, PageA, Attributes);
        tables.Map(Caller, PageB, Attributes);

        // EL1 runs in the high half, through the same tables: code of its in the low half would have every switch drop all lookups.
        tables.Enable();
        m.Registers.El1.Vbar = High | TestMachine.Vectors;
        m.Put(TestMachine.Vectors + 0xF00, A64.Eret);
        m.Put(TestMachine.Code, A64.Msr(A64.Register(3, 0, 2, 0, 0), 2), A64.Isb);

        // blr x10; b .-4; the branch | nop; svc #1; ret
        m.Put(PageB, Blr10, 0x17FFFFFF, branch);
        m.Put(PageA, A64.Nop, A64.Svc(1), Ret);
        void RunAt(ulong pc, int instructions)
        {
            m.Cpu.State->Pc = High | pc;
            m.Run(instructions);
        }

        void RunUser(ulong asid, ulong pc, int instructions)
        {
            m.Cpu.X(2) = tables.Root | (asid << 48);
            RunAt(TestMachine.Code, 2);
            (m.Registers.El1.Elr, m.Registers.El1.Spsr, m.Registers.El1.Esr) = (pc, 0, 0);
            RunAt(TestMachine.Vectors + 0xF00, 1 + instructions);
        }

        for (ulong top = 1; top < 256; top++)
        {
            for (var i = 0; i < 3; i++)
            {
                m.Cpu.X(10) = Va;
                RunUser(7, Caller, 4);
                Assert.Equal(0x15u, m.ExceptionClass);
            }

            foreach (var target in (ulong[])[Va, Caller + 4])
            {
                m.Cpu.X(5) = target | (top << 56);
                RunUser(8, Caller + 8, 2);
                Assert.Equal(0x20u, m.ExceptionClass);
                Assert.Equal(target | (top << 56), m.Registers.El1.Far);
            }
        }
    }

    /// <summary>Execution permission taken away, or the page: the fetch faults at the function's first instruction.</summary>
    [Theory]
    [InlineData(PageTables.Page | PageTables.Pxn, 0xFu)]
    [InlineData(0UL, 7u)]
    public void Function_ThatMayNotBeFetchedAnyMore_Faults(ulong attributes, uint status)
    {
        using var m = Machine(out var tables);
        Warm(m);
        tables.Map(Va, PageA, attributes);
        m.Cpu.X(0) = Va >> 12;
        m.Execute(Tlbi(7, 1), A64.Dsb, A64.Isb);
        m.Cpu.X(10) = Va;
        m.Cpu.State->Pc = Caller;
        m.Run(3);
        Assert.Equal(0x21u, m.ExceptionClass);
        Assert.Equal(status, m.Iss & 0x3F);
        Assert.Equal(Va, m.Registers.El1.Far);
        Assert.Equal(Va, m.Registers.El1.Elr);
    }

    /// <summary>A store through another mapping of the page, with and without IC; the MMU off; two virtual addresses of one page.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void StoreThroughAnAlias_IsSeenAtEveryAddressOfThePage(bool withCacheMaintenance)
    {
        const ulong Alias = Va + 0x10_0000;
        using var m = Machine(out var tables);
        tables.Map(Alias, PageA);
        Warm(m);
        Assert.Equal((ulong)Calls, Call(m, Alias));
        for (uint value = 3; value < 12; value++)
        {
            m.Cpu.X(1) = MovX0(value);
            m.Cpu.X(2) = Alias;
            var ivau = withCacheMaintenance ? A64.Sys(3, 7, 5, 1, 2) : A64.Nop;
            m.Execute(0xB9000041, ivau, A64.Dsb, A64.Isb); // str w1, [x2]
            Assert.Equal((ulong)Calls * value, Call(m));
            Assert.Equal((ulong)Calls * value, Call(m, Alias));
            Assert.Equal((ulong)Calls * value, Call(m, PageA));
        }
    }

    /// <summary>Every kind of store that may hit code: a function that gave 1 gives 5 after it.</summary>
    [Theory]
    [InlineData(0x39000041u)] // strb w1, [x2]
    [InlineData(0x79000041u)] // strh w1, [x2]
    [InlineData(0xB9000041u)] // str w1, [x2]
    [InlineData(0xF9000041u)] // str x1, [x2]
    [InlineData(0x29000C41u)] // stp w1, w3, [x2]
    [InlineData(0xA9000C41u)] // stp x1, x3, [x2]
    [InlineData(0x3D800041u)] // str q1, [x2]
    [InlineData(0xAD000C41u)] // stp q1, q3, [x2]
    [InlineData(0x889FFC41u)] // stlr w1, [x2]
    [InlineData(0x885FFC40u, 0x88007C41u)] // ldaxr w0, [x2]; stxr w0, w1, [x2]
    [InlineData(0xB8218040u)] // swp w1, w0, [x2]
    [InlineData(0xB8240040u)] // ldadd w4, w0, [x2]
    public void StoreOfAnyKind_IsSeen(uint store, uint second = A64.Nop)
    {
        using var m = Machine(out _);
        Warm(m);

        // X1 and V1 hold the whole function; its low bytes alone change the #1.
        var function = MovX0(5) | ((ulong)Ret << 32);
        m.Cpu.X(1) = function;
        m.Cpu.X(2) = Va;
        m.Cpu.X(3) = Ret;
        m.Cpu.X(4) = MovX0(5) - MovX0(1);
        *(ulong*)((byte*)m.Cpu.State + Arm64State.V(1)) = function;
        m.Execute(store, second, A64.Dsb, A64.Isb);
        Assert.Equal(Calls * 5UL, Call(m));
    }

    /// <summary>
    /// One vCPU runs a compiled loop for ever; the other maps the loop's page elsewhere and broadcasts. When its DSB is done, the first runs the new
    /// page.
    /// </summary>
    [Theory]
    [InlineData(3u, 0u)]
    [InlineData(3u, 1u)]
    [InlineData(3u, 3u)]
    [InlineData(1u, 1u)]
    [InlineData(2u, 1u)]
    public void RunningLoop_IsLeft_WhenAnotherVcpuRemapsItsPage(uint crm, uint op2)
    {
        using var m = new TestMachine(vcpus: 2, parallel: true, compiles: true);
        var tables = new PageTables(m);
        tables.MapRam();
        tables.Map(Va, PageA);
        tables.Enable();
        m.Put(PageA, 0x91000463, 0x17FFFFFF); // add x3, x3, #1; b .-4
        m.Put(PageB, 0x91000484, 0x17FFFFFF); // add x4, x4, #1; b .-4
        var other = m.Cluster.Vcpus[1];
        other.SetBootState(TestMachine.Code + 0x800, 0);

        // The same MMU settings on the other vCPU, then the loop.
        other.X(1) = tables.Tcr;
        other.X(2) = tables.Root;
        other.X(5) = m.Registers.El1.Sctlr;
        other.X(6) = Va;
        other.Arm64->System.El1.Mair = m.Registers.El1.Mair;
        m.Put(
            TestMachine.Code + 0x800,
            A64.Msr(A64.Register(3, 0, 2, 0, 2), 1), A64.Msr(A64.Register(3, 0, 2, 0, 0), 2), A64.Msr(A64.Register(3, 0, 2, 0, 1), 2),
            A64.Msr(A64.Register(3, 0, 1, 0, 0), 5), A64.Isb, 0xD61F00C0); // br x6
        var thread = new Thread(() =>
        {
            while (!m.Cluster.Shared.StopRequested)
            {
                other.Run(ulong.MaxValue);
            }
        })
        { IsBackground = true };
        thread.Start();
        for (var round = 0; round < 20; round++)
        {
            var counter = round % 2 == 0 ? 3 : 4;
            var start = Look(other, counter);
            Patience.Until(() => Look(other, counter) > start + 5000, $"round {round}");

            tables.Map(Va, round % 2 == 0 ? PageB : PageA);
            m.Cpu.X(0) = op2 == 0 ? 0 : crm == 2 ? (1UL << 46) | (Va >> 12) : Va >> 12;
            m.Put(TestMachine.Code, Tlbi(crm, op2), A64.Dsb, A64.Isb, A64.Nop);
            m.Cpu.State->Pc = TestMachine.Code;
            var until = m.Cpu.Retired + 4;
            while (m.Cpu.Retired < until)
            {
                m.Cpu.Run(until);
            }

            var after = Look(other, counter);
            Patience.Until(() => Look(other, 7 - counter) > 100, $"round {round}: the old page runs on");
            Assert.Equal(after, Look(other, counter));
            Reset(other, counter);
        }

        m.Cluster.Shared.StopRequested = true;
        other.Kick();
        Patience.Join(thread);
        Assert.True(other.CompiledRetired > 0);
    }

    /// <summary>A register of a vCPU that runs, as of its last exit from compiled code (which is asked for).</summary>
    private static ulong Look(Arm64Vcpu cpu, int register)
    {
        ulong value = 0;
        using var done = new ManualResetEventSlim();
        cpu.Enqueue(() =>
        {
            value = cpu.X(register);
            done.Set();
        });
        Patience.For(done, "the vCPU does not act");
        return value;
    }

    private static void Reset(Arm64Vcpu cpu, int register) => cpu.Enqueue(() => cpu.X(register) = 0);
}
