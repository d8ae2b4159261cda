// pvpanic: identity, supported events, and what raising one does.
using Emu.Core;
using Emu.Devices.Pci;

namespace Emu.Devices.Tests;

public class PvpanicTests
{
    [Fact]
    public void Panic_StopsTheMachine_AndACrashKernelDoesNot()
    {
        using var h = new PciHarness();
        var control = new RecordingControl();
        var slot = h.Segment.Add(new Pvpanic(control, new Log(h.LogText)));
        var bar = h.EnableBar0(slot);
        Assert.Equal(0x0011_1B36u, h.Cfg(slot, 0));
        Assert.Equal(0x0880_00u, h.Cfg(slot, 8) >> 8);
        Assert.Equal(0u, bar & 0xF);
        Assert.InRange(bar, PciHarness.Memory32, uint.MaxValue);
        h.SetCfg(slot, 0x10, 0xFFFF_FFFF);
        Assert.Equal(0xFFFF_FFF0u, h.Cfg(slot, 0x10));
        h.SetCfg(slot, 0x10, bar);
        Assert.Equal(3u, h.Memory.Read(bar, 1));
        Assert.Equal(0u, h.Memory.Read(bar + 1, 1));
        h.Memory.Write(bar, 1, 2);
        h.Memory.Write(bar + 1, 1, 1);
        h.Memory.Write(bar, 1, 4);
        Assert.Empty(control.Stops);
        Assert.Contains("crash kernel", h.LogText.ToString(), StringComparison.Ordinal);
        h.Memory.Write(bar, 1, 1);
        Assert.Equal([MachineStop.Panic], control.Stops);
    }
}

/// <summary>Records what devices ask of the machine.</summary>
internal sealed class RecordingControl : IMachineControl
{
    private readonly List<MachineStop> stops = [];

    public IReadOnlyList<MachineStop> Stops => stops;

    public void RequestStop(MachineStop reason, int exitCode = 0)
    {
        lock (stops)
        {
            stops.Add(reason);
        }
    }
}
