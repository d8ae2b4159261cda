// The generic event device and the PCI hotplug controller, register by register.
using Emu.Core;
using Emu.Devices.Acpi;
using Emu.Devices.Pci;

namespace Emu.Devices.Tests;

public sealed class AcpiControllerTests : IDisposable
{
    private readonly PciHarness harness = new();
    private readonly Wire wire = new();
    private readonly GenericEventDevice events;
    private readonly PciHotplugController hotplug;

    public AcpiControllerTests()
    {
        events = new GenericEventDevice(wire);
        hotplug = new PciHotplugController([harness.Segment], events);
    }

    public void Dispose() => harness.Dispose();

    [Fact]
    public void Events_HoldTheInterruptUntilARead_WhichTakesThem()
    {
        events.Raise(GenericEvent.PowerButton);
        events.Raise(GenericEvent.Pci);
        Assert.True(wire.Level);
        Assert.Equal(0xCUL, events.Read(0, 1));
        Assert.False(wire.Level);
        Assert.Equal(0UL, events.Read(0, 1));
        events.Write(0, 1, 0xFF);
        Assert.Equal(0UL, events.Read(0, 1));
    }

    [Fact]
    public void Events_BeforeAReset_AreForgotten()
    {
        events.Raise(GenericEvent.PowerButton);
        events.Reset();
        Assert.False(wire.Level);
        Assert.Equal(0UL, events.Read(0, 1));
    }

    [Fact]
    public void Events_SurviveASnapshot()
    {
        events.Raise(GenericEvent.PowerButton);
        using var stream = new MemoryStream();
        events.Save(new SnapshotWriter(stream));
        stream.Position = 0;
        var other = new Wire();
        var copy = new GenericEventDevice(other);
        copy.Restore(new SnapshotReader(stream));
        Assert.True(other.Level);
        Assert.Equal(8UL, copy.Read(0, 1));
    }

    [Fact]
    public void AddedDevice_ShowsOnce_AndRaisesThePciEvent()
    {
        var slot = hotplug.Add(new PciHostBridge(), 0);
        Assert.Equal(1, slot);
        Assert.Equal((ulong)GenericEvent.Pci, events.Read(0, 1));
        Assert.Equal(2UL, hotplug.Read(0, 4));
        Assert.Equal(0UL, hotplug.Read(0, 4));
        Assert.Equal(0x0D57_8086UL, harness.Cfg(1, 0));
    }

    [Fact]
    public void RequestedDevice_GoesWhenTheGuestEjectsIt()
    {
        PciDevice? gone = null;
        hotplug.Ejected += device => gone = device;
        var bridge = new PciHostBridge();
        hotplug.Add(bridge, 0, 5);
        hotplug.RequestRemoval(0, 5);
        Assert.Equal(0x20UL, hotplug.Read(4, 4));
        Assert.Equal(0UL, hotplug.Read(4, 4));
        Assert.Null(gone);
        hotplug.Write(8, 4, 0x20);
        Assert.Same(bridge, gone);
        Assert.Equal(0xFFFF_FFFFUL, harness.Cfg(5, 0));
        Assert.Equal(0UL, hotplug.Read(8, 4));
    }

    [Fact]
    public void HostBridge_AndSlotsOfOtherSegments_StayWhateverTheGuestEjects()
    {
        hotplug.Write(8, 4, uint.MaxValue);
        Assert.Equal(0x0D57_8086UL, harness.Cfg(0, 0));
        hotplug.Write(0xC, 4, 7);
        Assert.Equal(7UL, hotplug.Read(0xC, 4));
        hotplug.Write(8, 4, uint.MaxValue);
        Assert.Equal(0UL, hotplug.Read(0, 4));
        Assert.Equal(0x0D57_8086UL, harness.Cfg(0, 0));
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(0, 8)]
    [InlineData(2, 4)]
    [InlineData(0x10, 4)]
    public void OtherAccesses_ReadAllOnes_AndChangeNothing(ulong offset, int size)
    {
        hotplug.Write(offset, size, uint.MaxValue);
        Assert.Equal(ulong.MaxValue, hotplug.Read(offset, size));
    }

    private sealed class Wire : IInterruptLine
    {
        public bool Level { get; private set; }

        public void Set(bool level) => Level = level;
    }
}
