// Accesses of every size across pages, into devices and ROM, and faults in the middle of them.
using Emu.Core;
using Emu.Cpu.Ir;
using Emu.Cpu.Mmu;
using Emu.Cpu.Tests.Toy;

namespace Emu.Cpu.Tests.Mmu;

public sealed unsafe class MemoryAccessTests
{
    [Fact]
    public void EverySize_AtEveryOffsetAroundAPageEnd_ReadsAndWritesTheRightBytes()
    {
        using var m = new ToyMachine();
        var s = m.Cpu.State;
        // The two pages are not neighbours in physical memory.
        m.Cpu.Map[(0, 0x10)] = new ToyMapping(0x30000);
        m.Cpu.Map[(0, 0x11)] = new ToyMapping(0x20000);
        var op = new MicroOp { Left = 1 };
        var data = stackalloc byte[16];
        var back = stackalloc byte[16];
        for (var size = 1; size <= 16; size++)
        {
            for (var offset = 0x1000 - 18; offset < 0x1002; offset++)
            {
                new Span<byte>(m.Ram + 0x30000, 0x1000).Fill(0xEE);
                new Span<byte>(m.Ram + 0x20000, 0x1000).Fill(0xEE);
                for (var i = 0; i < size; i++)
                {
                    data[i] = (byte)((offset * 3) + i + 1);
                }

                var va = 0x10000UL + (ulong)offset;
                Assert.Equal(Status.Continue, MemoryAccess.Store(s, &op, va, size, data));
                for (var i = -20; i < 40; i++)
                {
                    var at = offset + i;
                    var host = at < 0x1000 ? m.Ram + 0x30000 + at : m.Ram + 0x20000 + at - 0x1000;
                    Assert.Equal(i >= 0 && i < size ? data[i] : 0xEE, *host);
                }

                Assert.Equal(Status.Continue, MemoryAccess.Load(s, &op, va, size, back));
                Assert.True(new Span<byte>(data, size).SequenceEqual(new Span<byte>(back, size)));
            }
        }
    }

    [Theory]
    [InlineData(MicroOpKind.St16, 2)]
    [InlineData(MicroOpKind.St32, 4)]
    [InlineData(MicroOpKind.St64, 8)]
    [InlineData(MicroOpKind.St128, 16)]
    [InlineData(MicroOpKind.StP32, 8)]
    [InlineData(MicroOpKind.StP64, 16)]
    [InlineData(MicroOpKind.StP128, 32)]
    public void StoreAcrossIntoAFaultingPage_WritesNothing_AndReportsThatPagesFirstByte(MicroOpKind kind, int bytes)
    {
        foreach (var engine in Enum.GetValues<Engine>())
        {
            using var m = Machine(engine, kind, store: true, out var run);
            m.Cpu.Map[(0, 9)] = new ToyMapping(0x9000, Write: false);
            for (var before = 1; before < bytes; before++)
            {
                new Span<byte>(m.Ram + 0x8F00, 0x200).Fill(0x55);
                m.Cpu.Faults.Clear();
                run(0x9000UL - (ulong)before);
                var fault = Assert.Single(m.Cpu.Faults);
                Assert.Equal(("Write", 0x1004UL, 1UL), (fault.Kind, fault.Pc, fault.Retired));
                Assert.Equal(0x9000UL, fault.Address);
                Assert.False(new Span<byte>(m.Ram + 0x8F00, 0x200).ContainsAnyExcept((byte)0x55));
            }
        }
    }

    [Theory]
    [InlineData(MicroOpKind.Ld16, 2)]
    [InlineData(MicroOpKind.Ld64, 8)]
    [InlineData(MicroOpKind.LdV128, 16)]
    [InlineData(MicroOpKind.LdP32, 8)]
    [InlineData(MicroOpKind.LdP64, 16)]
    [InlineData(MicroOpKind.LdPV128, 32)]
    public void LoadAcrossIntoAFaultingPage_ChangesNoRegister(MicroOpKind kind, int bytes)
    {
        foreach (var engine in Enum.GetValues<Engine>())
        {
            using var m = Machine(engine, kind, store: false, out var run);
            m.Cpu.Map[(0, 9)] = new ToyMapping(0x9000, Read: false);
            for (var before = 1; before < bytes; before++)
            {
                m.Cpu.Faults.Clear();
                run(0x9000UL - (ulong)before);
                var fault = Assert.Single(m.Cpu.Faults);
                Assert.Equal(("Read", 0x9000UL, 0x1004UL, 1UL), (fault.Kind, fault.Address, fault.Pc, fault.Retired));
                Assert.Equal((0x1111UL, 0x2222UL), (m.Cpu[1], m.Cpu[2]));
                Assert.Equal(5UL, m.Cpu[3]);
            }
        }
    }

    /// <summary>X3 += 5; the micro-op on X1, X2 (or V0, V1) at [X6]; X3 += 5; halt.</summary>
    private static ToyMachine Machine(Engine engine, MicroOpKind kind, bool store, out Action<ulong> run)
    {
        var m = new ToyMachine();
        var vector = (MicroOpTable.Traits(kind) & MicroOpTraits.Vector) != 0;
        var access = m.Custom(new MicroOp
        {
            Kind = kind,
            D = vector ? ToyVcpu.Vectors : CpuState.Register(1),
            B = vector ? (ushort)(ToyVcpu.Vectors + 16) : CpuState.Register(2),
            A = CpuState.Register(6),
        });
        m.Assemble(0x1000, Asm.AddI(3, 3, 5), access, Asm.AddI(3, 3, 5), Asm.Halt());
        m.Cpu[6] = 0x7000;
        m.RunToHalt(0x1000);
        if (engine == Engine.Jit)
        {
            Assert.Equal(1, m.CompileAll(0x1000, 0x1010));
        }

        run = address =>
        {
            m.Cpu.State->Retired = 0;
            m.Cpu[1] = 0x1111;
            m.Cpu[2] = 0x2222;
            m.Cpu[3] = 0;
            m.Cpu[6] = address;
            m.RunToHalt(0x1000);
        };
        return m;
    }

    [Theory]
    [InlineData(Engine.Interpreter)]
    [InlineData(Engine.Jit)]
    public void DeviceLoad_CompletesItsInstruction_ThenLeavesTheBlock(Engine engine)
    {
        using var m = new ToyMachine();
        m.Assemble(0x1000, Asm.Op(ToyOp.LoadPost, 1, 6), Asm.AddI(3, 3, 1), Asm.Op(ToyOp.LoadPairPost, 4, 6, 5), Asm.AddI(3, 3, 1), Asm.Store(3, 6), Asm.AddI(3, 3, 1), Asm.Halt());
        m.Cpu[6] = 0x7000;
        m.RunToHalt(0x1000);
        if (engine == Engine.Jit)
        {
            m.CompileAll(0x1000, 0x101C);
        }

        m.Cpu[3] = 0;
        m.Cpu[6] = ToyMachine.DeviceBase;
        m.Cpu.State->Retired = 0;
        var interruptedAt = new List<(ulong Pc, ulong Retired, ulong Base)>();
        m.Device.OnWrite = (_, _) => m.Cpu.SetInterrupt(CpuInterrupt.Irq, true);
        m.Cpu.OnInterrupt = c =>
        {
            interruptedAt.Add((c.Pc, c.Retired, c[6]));
            Interlocked.Exchange(ref c.State->InterruptLines, 0);
        };
        m.RunToHalt(0x1000);
        Assert.Equal(3UL, m.Cpu[3]);
        Assert.Equal(ToyMachine.DeviceBase + 24, m.Cpu[6]);
        Assert.Equal([(false, 0UL, 8, 0UL), (false, 8UL, 8, 0UL), (false, 16UL, 8, 0UL), (true, 24UL, 8, 2UL)], m.Device.Accesses);
        // The interrupt that the store raised is taken right after it, not at the end of the block.
        Assert.Equal((0x1014UL, 5UL, ToyMachine.DeviceBase + 24), Assert.Single(interruptedAt));
    }

    [Theory]
    [InlineData(Engine.Interpreter)]
    [InlineData(Engine.Jit)]
    public void StoreToADevice_AndJump_InOneInstruction_GoesToTheTarget(Engine engine)
    {
        using var m = new ToyMachine();
        m.Assemble(0x1000, Asm.AddI(3, 3, 1), (uint)ToyOp.PushJump | (3u << 8), Asm.Halt(), Asm.Halt(), Asm.AddI(4, 4, 1), Asm.Halt());
        m.Cpu[31] = 0x7000;
        m.RunToHalt(0x1000);
        if (engine == Engine.Jit)
        {
            m.CompileAll(0x1000, 0x1018);
        }

        m.Cpu[4] = 0;
        m.Cpu[31] = ToyMachine.DeviceBase + 0x100;
        m.RunToHalt(0x1000);
        Assert.Equal((1UL, ToyMachine.DeviceBase + 0xF8), (m.Cpu[4], m.Cpu[31]));
    }

    [Theory]
    [InlineData(Engine.Interpreter)]
    [InlineData(Engine.Jit)]
    public void HelperThatLeaves_CompletesItsInstruction(Engine engine)
    {
        using var m = new ToyMachine(engine: engine);
        m.Assemble(0x1000, Asm.Op(ToyOp.LeaveAfter, 1), Asm.SubSI(2, 2, 1), Asm.BranchNotZero(2, -2), Asm.Halt());
        for (var i = 0; i < 3; i++)
        {
            m.Cpu[1] = 0;
            m.Cpu[2] = 30;
            m.RunToHalt(0x1000);
            Assert.Equal(30UL, m.Cpu[1]);
        }
    }

    [Theory]
    [InlineData(Engine.Interpreter)]
    [InlineData(Engine.Jit)]
    public void WriteToRom_IsDropped_EvenAcrossAPageEnd(Engine engine)
    {
        using var m = new ToyMachine();
        m.Assemble(0x1000, Asm.Store(1, 6), Asm.Op(ToyOp.StorePair, 1, 6, 1), Asm.Load(2, 6), Asm.Halt());
        *(ulong*)(m.Rom + 0xFFC) = 0x1234_5678_9ABC_DEF0;
        m.Cpu[6] = 0x7000;
        m.RunToHalt(0x1000);
        if (engine == Engine.Jit)
        {
            m.CompileAll(0x1000, 0x1010);
        }

        for (var i = 0; i < 2; i++)
        {
            m.Cpu[1] = ulong.MaxValue;
            m.Cpu[6] = ToyMachine.RomBase + 0xFFC;
            m.RunToHalt(0x1000);
            Assert.Equal(0x1234_5678_9ABC_DEF0UL, m.Cpu[2]);
            Assert.Equal(0x1234_5678_9ABC_DEF0UL, *(ulong*)(m.Rom + 0xFFC));
        }
    }

    /// <summary>A flash chip: reads are memory's until the first store, and the device's from the next instruction on.</summary>
    [Theory]
    [InlineData(Engine.Interpreter)]
    [InlineData(Engine.Jit)]
    public void ShadowOfADeviceWindow_TakesReads_AndWritesGoToTheDevice(Engine engine)
    {
        const ulong Base = 0x300_0000;
        using var m = new ToyMachine();
        using var host = new HostMemory(0x1000);
        *(ulong*)host.Pointer = 0x1111;
        var device = new Chip();
        using var shadow = m.Memory.CreateShadow(m.Memory.AddMmio("chip", Base, 0x1000, device), host.Pointer);
        device.Written = () => m.Memory.Show(shadow, false);
        m.Assemble(0x1000, Asm.Load(2, 6), Asm.Store(1, 6), Asm.Load(3, 6), Asm.Halt());
        m.Cpu[6] = 0x7000;
        m.RunToHalt(0x1000);
        if (engine == Engine.Jit)
        {
            m.CompileAll(0x1000, 0x1010);
        }

        for (ulong i = 0; i < 3; i++)
        {
            m.Memory.Show(shadow, true);
            m.Cpu[1] = 0x2222 + i;
            m.Cpu[6] = Base;
            m.RunToHalt(0x1000);
            Assert.Equal(0x1111UL, m.Cpu[2]);
            Assert.Equal(0x2222 + i, m.Cpu[3]);
            Assert.Equal(0x1111UL, *(ulong*)host.Pointer);
            Assert.Null(m.Memory.FindRam(Base));
        }
    }

    [Theory]
    [InlineData(Engine.Interpreter)]
    [InlineData(Engine.Jit)]
    public void FaultInTheMiddle_LeavesExactState(Engine engine)
    {
        using var m = new ToyMachine(engine: engine);
        m.Assemble(0x1000, Asm.MovI(1, 9), Asm.SubSI(2, 2, 1), Asm.Op(ToyOp.FaultIf, 5), Asm.MovI(1, 10), Asm.BranchNotZero(2, -4), Asm.Halt());
        for (var i = 0; i < 3; i++)
        {
            m.Cpu[2] = 20;
            m.RunToHalt(0x1000);
        }

        m.Cpu[2] = 0;
        m.Cpu[5] = 77;
        m.Cpu.State->Retired = 0;
        m.RunToHalt(0x1000);
        Assert.Equal(new ToyFault("helper", 77, 0x1008, 2), Assert.Single(m.Cpu.Faults));
        Assert.Equal((9UL, ulong.MaxValue, 8UL), (m.Cpu[1], m.Cpu[2], m.Cpu.State->Flags));
    }

    [Fact]
    public void MapChange_DropsTranslations_AndLeavesADisposedVcpuAlone()
    {
        using var m = new ToyMachine(vcpus: 2);
        m.Assemble(0x1000, Asm.Load(1, 6), Asm.Halt());
        m.Cpu[6] = ToyMachine.DeviceBase + 0x1000;
        m.RunToHalt(0x1000);
        Assert.Equal(ulong.MaxValue, m.Cpu[1]);
        m.Cpus[1].Dispose();
        m.Memory.AddMmio("late", ToyMachine.DeviceBase + 0x1000, 0x1000, m.Device);
        m.RunToHalt(0x1000);
        Assert.Single(m.Device.Accesses);
    }

    [Theory]
    [InlineData(Engine.Interpreter)]
    [InlineData(Engine.Jit)]
    public void UnalignedAccess_ToAPageThatChecks_Faults_AlignedPasses(Engine engine)
    {
        using var m = Machine(engine, MicroOpKind.Ld64, store: false, out var run);
        m.Cpu.Map[(0, 8)] = new ToyMapping(0x8000, Info: TlbInfo.CheckAlignment);
        run(0x8008);
        Assert.Empty(m.Cpu.Faults);
        run(0x8009);
        Assert.Equal(("alignment", 0x8009UL, 0x1004UL, 1UL), Assert.Single(m.Cpu.Faults) is var f ? (f.Kind, f.Address, f.Pc, f.Retired) : default);
    }

    /// <summary>Gives back what was written last.</summary>
    private sealed class Chip : IMmioDevice
    {
        private ulong last;

        public Action Written { get; set; } = () => { };

        public ulong Read(ulong offset, int size) => last;

        public void Write(ulong offset, int size, ulong value)
        {
            last = value;
            Written();
        }
    }
}
