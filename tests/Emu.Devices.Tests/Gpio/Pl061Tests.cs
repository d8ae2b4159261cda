// PL061 and the power button: data masks, edge and level interrupts, the button as Linux gpio-keys uses it.
using Emu.Core;
using Emu.Devices.Gpio;
using Emu.Devices.Tests.Serial;
using static Emu.Devices.Gpio.Pl061;

namespace Emu.Devices.Tests.Gpio;

public class Pl061Tests
{
    private const ulong AllLines = 0x3FC;

    private readonly TestLine line = new();
    private readonly Pl061 gpio;

    public Pl061Tests() => gpio = new Pl061(line);

    private uint Get(ulong register) => (uint)gpio.Read(register, 4);

    private void Set(ulong register, uint value) => gpio.Write(register, 4, value);

    [Fact]
    public void Data_AddressBitsSelectTheLines()
    {
        Set(GPIODIR, 0xFF);
        Set(AllLines, 0x55);
        Set(0x0F << 2, 0xAA);
        Assert.Equal(0x5Au, Get(AllLines));
        Assert.Equal(0x50u, Get(0xF0 << 2));
        Assert.Equal(0u, Get(GPIODATA));
        Set(GPIODATA, 0xFF);
        Assert.Equal(0x5Au, Get(AllLines));
    }

    [Fact]
    public void Data_InputsReadTheirPins_AndIgnoreWrites()
    {
        Set(GPIODIR, 0x0F);
        gpio.SetInput(7, true);
        gpio.SetInput(0, true);
        Set(AllLines, 0x72);
        Assert.Equal(0x82u, Get(AllLines));
        Set(GPIODIR, 0);
        Assert.Equal(0x81u, Get(AllLines));
        Set(GPIODIR, 0xFF);
        Assert.Equal(0x02u, Get(AllLines));
    }

    [Theory]
    [InlineData(0, 0, false, true)]
    [InlineData(0, 8, true, false)]
    [InlineData(8, 0, true, true)]
    [InlineData(8, 8, true, true)]
    public void Edges_AreSensedByIbeAndIev_AndLatched(uint both, uint high, bool onRise, bool onFall)
    {
        Set(GPIOIBE, both);
        Set(GPIOIEV, high);
        Set(GPIOIE, 8);
        gpio.SetInput(3, true);
        Assert.Equal(onRise, line.Level);
        gpio.SetInput(3, true);
        Set(GPIOIC, 8);
        Assert.False(line.Level);
        gpio.SetInput(3, false);
        Assert.Equal(onFall, line.Level);
        Assert.Equal(onFall ? 8u : 0, Get(GPIOMIS));
        Set(GPIOIC, 0xF7);
        Assert.Equal(onFall, line.Level);
    }

    [Fact]
    public void MaskedEdge_ShowsInRis_AndInterruptsWhenEnabled()
    {
        Set(GPIOIBE, 0xFF);
        gpio.SetInput(1, true);
        Assert.Equal(2u, Get(GPIORIS));
        Assert.Equal(0u, Get(GPIOMIS));
        Assert.False(line.Level);
        Set(GPIOIE, 2);
        Assert.True(line.Level);
    }

    [Fact]
    public void Levels_FollowThePin_AndCannotBeCleared()
    {
        Set(GPIOIS, 0xFF);
        Set(GPIOIEV, 0xFF);
        Set(GPIOIE, 4);
        gpio.SetInput(2, true);
        Set(GPIOIC, 0xFF);
        Assert.True(line.Level);
        gpio.SetInput(2, false);
        Assert.False(line.Level);
        Set(GPIOIEV, 0);
        Assert.True(line.Level);
        Assert.Equal(0xFFu, Get(GPIORIS));
    }

    [Fact]
    public void OutputLines_DoNotInterrupt()
    {
        Set(GPIODIR, 0xFF);
        Set(GPIOIBE, 0xFF);
        Set(GPIOIE, 0xFF);
        gpio.SetInput(3, true);
        Set(AllLines, 0xFF);
        Assert.False(line.Level);
        Assert.Equal(0u, Get(GPIORIS));
    }

    [Fact]
    public void Registers_KeepTheirByte_AndIdentificationIsThePl061()
    {
        foreach (var register in new[] { GPIODIR, GPIOIS, GPIOIBE, GPIOIEV, GPIOIE, GPIOAFSEL })
        {
            Set(register, 0x1A5);
            Assert.Equal(0xA5u, Get(register));
        }

        gpio.Reset();
        Assert.Equal(0u, Get(GPIODIR) | Get(GPIOIS) | Get(GPIOIBE) | Get(GPIOIEV) | Get(GPIOIE) | Get(GPIOAFSEL));
        var ids = Enumerable.Range(0, 8).Select(i => (byte)Get(PeriphID0 + ((ulong)i * 4)));
        Assert.Equal([0x61, 0x10, 0x04, 0x00, 0x0D, 0xF0, 0x05, 0xB1], ids);
    }

    [Fact]
    public void Snapshot_RoundTripKeepsEverythingAndTheLine()
    {
        Set(GPIODIR, 0xF0);
        Set(AllLines, 0x90);
        Set(GPIOIBE, 8);
        Set(GPIOIE, 8);
        gpio.SetInput(3, true);
        var state = Support.Save(gpio);
        var otherLine = new TestLine();
        var other = new Pl061(otherLine);
        Support.Restore(other, state);
        Assert.Equal(state, Support.Save(other));
        Assert.True(otherLine.Level);
        Assert.Equal(0x98ul, other.Read(AllLines, 4));
        state[0] = 99;
        Assert.Throws<InvalidDataException>(() => Support.Restore(other, state));
    }

    [Fact]
    public void HostileAccesses_NeverThrow()
    {
        Support.Hammer(gpio, 61, random => gpio.SetInput(random.Next(8), random.Next(2) == 0));
        gpio.Reset();
        for (var i = 0; i < 8; i++)
        {
            gpio.SetInput(i, false);
        }

        Data_AddressBitsSelectTheLines();
    }

    [Fact]
    public void PowerButton_IsSeenAsPressAndReleaseByABothEdgesDriver()
    {
        var clock = new DeterministicClock(0);
        var button = new PowerButton(clock, gpio);
        Set(GPIOIBE, 8);
        Set(GPIOIE, 8);
        clock.Set(1_000_000);
        button.Press();
        Assert.True(line.Level);
        Set(GPIOIC, 8);

        // Debounce: the driver looks again after 5 ms.
        clock.Set(6_000_000);
        clock.RunDueTimers();
        Assert.Equal(8u, Get(8 << 2));
        Assert.True(button.IsPressed);
        Assert.False(line.Level);
        clock.Set(101_000_000);
        clock.RunDueTimers();
        Assert.True(line.Level);
        Assert.Equal(0u, Get(8 << 2));
        Assert.False(button.IsPressed);
        Assert.Equal(ulong.MaxValue, clock.NextDeadline);
    }

    [Fact]
    public void PowerButton_PressedAgain_IsHeldLonger()
    {
        var clock = new DeterministicClock(0);
        var button = new PowerButton(clock, gpio);
        button.Press();
        clock.Set(60_000_000);
        button.Press();
        clock.Set(100_000_000);
        clock.RunDueTimers();
        Assert.True(button.IsPressed);
        clock.Set(160_000_000);
        clock.RunDueTimers();
        Assert.False(button.IsPressed);
    }

    [Fact]
    public void PowerButton_SnapshotInMidPress_IsReleasedAfterRestore()
    {
        var clock = new DeterministicClock(0);
        var button = new PowerButton(clock, gpio);
        button.Press();
        var state = Support.Save(button);
        var gpioState = Support.Save(gpio);

        var otherClock = new DeterministicClock(0);
        var otherGpio = new Pl061(new TestLine());
        var other = new PowerButton(otherClock, otherGpio);
        Support.Restore(otherGpio, gpioState);
        Support.Restore(other, state);
        Assert.True(other.IsPressed);
        Assert.Equal(8ul, otherGpio.Read(AllLines, 4));
        otherClock.Set(100_000_000);
        otherClock.RunDueTimers();
        Assert.False(other.IsPressed);
        Assert.Equal(0ul, otherGpio.Read(AllLines, 4));
    }
}
