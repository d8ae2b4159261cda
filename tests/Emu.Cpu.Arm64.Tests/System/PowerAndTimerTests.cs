// Generic timers, PSCI between vCPUs, TRNG, semihosting, and state saved and restored.
using Emu.Core;
using Emu.Cpu.Arm64.SystemLevel;

namespace Emu.Cpu.Arm64.Tests.SystemLevel;

public sealed unsafe class PowerAndTimerTests
{
    private static readonly uint CntvCtl = A64.Register(3, 3, 14, 3, 1);
    private static readonly uint CntvCval = A64.Register(3, 3, 14, 3, 2);
    private static readonly uint CntvTval = A64.Register(3, 3, 14, 3, 0);

    private static ulong Call(TestMachine m, uint function, ulong x1 = 0, ulong x2 = 0, ulong x3 = 0)
    {
        m.Cpu.X(0) = function;
        m.Cpu.X(1) = x1;
        m.Cpu.X(2) = x2;
        m.Cpu.X(3) = x3;
        m.Execute(A64.Hvc(0));
        return m.Cpu.X(0);
    }

    [Fact]
    public void VirtualTimer_RaisesItsLineAtTheDeadline_AndMaskLowersIt()
    {
        using var m = new TestMachine();
        m.Cpu.X(0) = 1000;
        m.Cpu.X(1) = 1;
        m.Execute(A64.Msr(CntvCval, 0), A64.Msr(CntvCtl, 1), A64.Mrs(2, CntvCtl));
        Assert.Equal(1UL, m.Cpu.X(2));
        Assert.Equal(1000UL, m.Clock.NextDeadline);
        m.Clock.Set(999);
        m.Clock.RunDueTimers();
        Assert.False(m.Lines[0].Level);
        m.Clock.Set(1000);
        m.Clock.RunDueTimers();
        Assert.True(m.Lines[0].Level);
        Assert.False(m.PhysicalLines[0].Level);
        m.Cpu.X(1) = 3;
        m.Execute(A64.Mrs(2, CntvCtl), A64.Msr(CntvCtl, 1), A64.Mrs(3, CntvCtl));
        Assert.Equal(5UL, m.Cpu.X(2));
        Assert.Equal(7UL, m.Cpu.X(3));
        Assert.False(m.Lines[0].Level);
    }

    [Fact]
    public void TimerValue_IsSignedDistance()
    {
        using var m = new TestMachine();
        m.Clock.Set(5000);
        m.Cpu.X(0) = 0xFFFF_FFFF;
        m.Execute(A64.Msr(CntvTval, 0), A64.Mrs(1, CntvCval), A64.Mrs(2, CntvTval));
        Assert.Equal(4999UL, m.Cpu.X(1));
        Assert.Equal(0xFFFF_FFFFUL, m.Cpu.X(2));
    }

    [Fact]
    public void Psci_VersionFeaturesAndUnknown()
    {
        using var m = new TestMachine();
        Assert.Equal(0x10001UL, Call(m, 0x8400_0000));
        Assert.Equal(0x10001UL, Call(m, 0x8000_0000));
        Assert.Equal(0UL, Call(m, 0x8400_000A, 0xC400_0003));
        Assert.Equal(ulong.MaxValue, Call(m, 0x8400_000A, 0x8400_000E));
        Assert.Equal(ulong.MaxValue, Call(m, 0x8400_0FFF));
        Assert.Equal(2UL, Call(m, 0x8400_0006));
    }

    [Fact]
    public void CpuOn_StartsTheOtherVcpuAtItsEntry_AndOffEndsIt()
    {
        using var m = new TestMachine(vcpus: 2);
        var other = m.Cluster.Vcpus[1];
        m.Put(TestMachine.Data, A64.Nop, A64.Hvc(0));
        Assert.Equal(VcpuExit.PoweredOff, other.Run(100));
        Assert.Equal(1UL, Call(m, 0xC400_0004, 1));
        Assert.Equal(0UL, Call(m, 0xC400_0003, 1, TestMachine.Data, 0xABCD));
        Assert.Equal(2UL, Call(m, 0xC400_0004, 1));
        Assert.Equal(-5L, (long)Call(m, 0xC400_0003, 1, TestMachine.Data));
        Assert.True(other.HasWork);
        Assert.Equal(VcpuExit.LimitReached, other.Run(1));
        Assert.Equal(0xABCDUL, other.X(0));
        Assert.Equal(TestMachine.Data + 4, other.ProgramCounter);
        Assert.Equal(0UL, Call(m, 0xC400_0004, 1));
        Assert.Equal(-4L, (long)Call(m, 0xC400_0003, 1, TestMachine.Data));
        other.X(0) = 0x8400_0002;
        Assert.Equal(VcpuExit.PoweredOff, other.Run(100));
        Assert.Equal(2UL, other.Retired);
        Assert.Equal(1UL, Call(m, 0xC400_0004, 1));
    }

    [Fact]
    public void CpuOn_RefusesUnknownTargetAndBadEntry()
    {
        using var m = new TestMachine(vcpus: 2);
        Assert.Equal(-2L, (long)Call(m, 0xC400_0003, 7, TestMachine.Data));
        Assert.Equal(-9L, (long)Call(m, 0xC400_0003, 1, 0x1000));
    }

    [Theory]
    [InlineData(0x8400_0008u, MachineStop.PowerOff)]
    [InlineData(0x8400_0009u, MachineStop.Reset)]
    [InlineData(0xC400_0012u, MachineStop.Reset)]
    public void SystemCalls_StopTheMachineAndTheCaller(uint function, MachineStop reason)
    {
        using var m = new TestMachine();
        Call(m, function);
        Assert.Equal([(reason, 0)], m.Control.Requests);
        Assert.Equal(VcpuExit.PoweredOff, m.Run(10));
    }

    [Fact]
    public void CpuSuspend_Standby_WaitsForInterruptAndReturnsSuccess()
    {
        using var m = new TestMachine();
        m.Put(TestMachine.Code, A64.Hvc(0), A64.Nop);
        m.Cpu.X(0) = 0xC400_0001;
        m.Cpu.X(1) = 0;
        Assert.Equal(VcpuExit.Halted, m.Run(2));
        m.Cpu.SetInterrupt(CpuInterrupt.Irq, true);
        Assert.Equal(VcpuExit.LimitReached, m.Run(1));
        Assert.Equal(0UL, m.Cpu.X(0));
        Assert.Equal(TestMachine.Code + 8, m.Cpu.ProgramCounter);
    }

    [Fact]
    public void Trng_GivesAskedBitsAndNoMore()
    {
        using var m = new TestMachine();
        Assert.Equal(0x10000UL, Call(m, 0x8400_0050));
        Assert.Equal(0UL, Call(m, 0xC400_0053, 65));
        Assert.Equal(0UL, m.Cpu.X(1));
        Assert.True(m.Cpu.X(2) <= 1);
        Assert.NotEqual(0UL, m.Cpu.X(3));
        Assert.Equal(-2L, (long)Call(m, 0xC400_0053, 193));
    }

    [Fact]
    public void Semihosting_WritesAndExits()
    {
        using var m = new TestMachine();
        m.Word(TestMachine.Data) = 0x0A6F6C6C6568UL;
        m.Cpu.X(0) = 4;
        m.Cpu.X(1) = TestMachine.Data;
        m.Execute(A64.HltSemihosting);
        Assert.Equal("hello\n"u8.ToArray(), m.Console.Output);
        m.Word(TestMachine.Data) = 0x20026;
        m.Word(TestMachine.Data + 8) = 42;
        m.Cpu.X(0) = 0x18;
        m.Cpu.X(1) = TestMachine.Data;
        m.Execute(A64.HltSemihosting);
        Assert.Equal([(MachineStop.ExitCode, 42)], m.Control.Requests);
    }

    [Fact]
    public void Snapshot_RestoresWhatWasSaved_AndRejectsDamage()
    {
        using var m = new TestMachine();
        m.Cpu.X(7) = 0x77;
        m.Cpu.X(0) = 123456;
        m.Cpu.X(1) = 1;
        m.Execute(A64.Msr(CntvCval, 0), A64.Msr(CntvCtl, 1), A64.MsrPan(1), A64.Svc(3));
        using var stream = new MemoryStream();
        m.Cpu.Save(new SnapshotWriter(stream));
        using var copy = new TestMachine();
        stream.Position = 0;
        copy.Cpu.Restore(new SnapshotReader(stream));
        copy.Cpu.Restored();
        Assert.Equal(0x77UL, copy.Cpu.X(7));
        Assert.Equal(m.Cpu.ProgramCounter, copy.Cpu.ProgramCounter);
        Assert.Equal(m.Registers.El1.Esr, copy.Registers.El1.Esr);
        Assert.Equal(123456UL, copy.Clock.NextDeadline);
        using var again = new MemoryStream();
        copy.Cpu.Save(new SnapshotWriter(again));
        Assert.Equal(stream.ToArray(), again.ToArray());
        using var damaged = new MemoryStream(stream.ToArray()[..100]);
        Assert.Throws<InvalidDataException>(() => copy.Cpu.Restore(new SnapshotReader(damaged)));
    }
}
