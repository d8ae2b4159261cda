// PL031: date, load, match interrupt, snapshot and hostile accesses.
using Emu.Core;
using Emu.Devices.Rtc;
using Emu.Devices.Tests.Serial;
using static Emu.Devices.Rtc.Pl031;

namespace Emu.Devices.Tests.Rtc;

public class Pl031Tests
{
    private const uint Epoch = (uint)DeterministicClock.DefaultEpochSeconds;

    private readonly DeterministicClock clock = new(DeterministicClock.DefaultEpochSeconds);
    private readonly TestLine line = new();
    private readonly Pl031 rtc;

    public Pl031Tests() => rtc = new Pl031(clock, line);

    private uint Get(ulong register) => (uint)rtc.Read(register, 4);

    private void Set(ulong register, uint value) => rtc.Write(register, 4, value);

    private void Run(double seconds)
    {
        clock.Set((ulong)(seconds * 1e9));
        clock.RunDueTimers();
    }

    [Fact]
    public void Count_IsTheMachinesDateInWholeSeconds()
    {
        Assert.Equal(Epoch, Get(RTCDR));
        Run(1.999);
        Assert.Equal(Epoch + 1, Get(RTCDR));
        Run(86400);
        Assert.Equal(Epoch + 86400, Get(RTCDR));
        Assert.Equal((ulong)((Epoch + 86400) & 0xFF), rtc.Read(RTCDR, 1));
    }

    [Fact]
    public void Load_SetsTheCount_WhichGoesOn()
    {
        Run(10);
        Set(RTCLR, 1000);
        Assert.Equal(1000u, Get(RTCDR));
        Assert.Equal(1000u, Get(RTCLR));
        Run(15);
        Assert.Equal(1005u, Get(RTCDR));
    }

    [Fact]
    public void Alarm_RaisesTheLineAtTheStartOfItsSecond_Once()
    {
        Run(0.5);
        Set(RTCMR, Epoch + 3);
        Set(RTCIMSC, 1);
        Run(2.999);
        Assert.False(line.Level);
        Run(3);
        Assert.True(line.Level);
        Assert.Equal(1u, Get(RTCRIS));
        Assert.Equal(1u, Get(RTCMIS));
        Set(RTCICR, 1);
        Assert.False(line.Level);
        Run(100);
        Assert.False(line.Level);
        Assert.Equal(1, line.Assertions);
    }

    [Fact]
    public void MaskedAlarm_ShowsInRis_AndInterruptsWhenUnmasked()
    {
        Set(RTCMR, Epoch + 3);
        Assert.Equal(ulong.MaxValue, clock.NextDeadline);
        Run(5);
        Assert.Equal(1u, Get(RTCRIS));
        Assert.Equal(0u, Get(RTCMIS));
        Assert.False(line.Level);
        Set(RTCIMSC, 1);
        Assert.True(line.Level);
        Set(RTCIMSC, 0);
        Assert.False(line.Level);
    }

    [Fact]
    public void MatchWithThePresentCount_InterruptsAtOnce()
    {
        Set(RTCIMSC, 1);
        Set(RTCMR, Epoch);
        Assert.True(line.Level);
        Set(RTCICR, 1);
        Set(RTCLR, 77);
        Assert.False(line.Level);
        Set(RTCMR, 78);
        Run(1);
        Assert.True(line.Level);
    }

    [Fact]
    public void MatchInThePast_WaitsForTheCountToWrap()
    {
        Set(RTCLR, 0xFFFF_FFFE);
        Set(RTCMR, 1);
        Set(RTCIMSC, 1);
        Run(2);
        Assert.Equal(0u, Get(RTCDR));
        Assert.False(line.Level);
        Run(3);
        Assert.True(line.Level);
    }

    [Fact]
    public void IdleClock_IsNoDeadline()
    {
        Assert.Equal(ulong.MaxValue, clock.NextDeadline);
        Set(RTCIMSC, 1);
        Assert.NotEqual(ulong.MaxValue, clock.NextDeadline);
        rtc.Reset();
        Assert.Equal(ulong.MaxValue, clock.NextDeadline);
    }

    [Fact]
    public void Control_ReadsAsStarted_WhateverIsWritten()
    {
        Assert.Equal(1u, Get(RTCCR));
        Set(RTCCR, 0);
        Assert.Equal(1u, Get(RTCCR));
    }

    [Fact]
    public void Identification_IsThePl031()
    {
        var ids = Enumerable.Range(0, 8).Select(i => (byte)Get(PeriphID0 + ((ulong)i * 4)));
        Assert.Equal([0x31, 0x10, 0x04, 0x00, 0x0D, 0xF0, 0x05, 0xB1], ids);
    }

    [Fact]
    public void Snapshot_RoundTripKeepsDateAndAlarm()
    {
        Run(5);
        Set(RTCLR, 5000);
        Set(RTCMR, 5010);
        Set(RTCIMSC, 1);
        var state = Support.Save(rtc);

        var otherClock = new DeterministicClock(DeterministicClock.DefaultEpochSeconds);
        var otherLine = new TestLine();
        var other = new Pl031(otherClock, otherLine);
        otherClock.Set(5_000_000_000);
        Support.Restore(other, state);
        Assert.Equal(state, Support.Save(other));
        otherClock.Set(14_999_999_999);
        otherClock.RunDueTimers();
        Assert.False(otherLine.Level);
        otherClock.Set(15_000_000_000);
        otherClock.RunDueTimers();
        Assert.True(otherLine.Level);
        Assert.Equal(5010ul, other.Read(RTCDR, 4));
    }

    [Fact]
    public void Snapshot_OfAnotherVersionOrCutShort_IsRefused()
    {
        var state = Support.Save(rtc);
        Assert.Throws<InvalidDataException>(() => Support.Restore(rtc, state[..^1]));
        state[0] = 99;
        Assert.Throws<InvalidDataException>(() => Support.Restore(rtc, state));
    }

    [Fact]
    public void HostileAccesses_NeverThrow()
    {
        ulong now = 0;
        Support.Hammer(rtc, 31, random =>
        {
            now += (ulong)random.NextInt64(1_000_000_000_000);
            clock.Set(now);
            clock.RunDueTimers();
        });
        clock.Set(ulong.MaxValue);
        clock.RunDueTimers();
        Set(RTCLR, 5);
        Assert.Equal(5u, Get(RTCDR));
    }
}
