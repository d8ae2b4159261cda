// PCI configuration space, BARs and their mapping, MSI-X masks, hotplug and snapshots.
using Emu.Core;
using Emu.Devices.Pci;

namespace Emu.Devices.Tests;

public class PciTests
{
    [Fact]
    public void HostBridge_IsAt0OnSegment0Only_AndAbsentDevicesReadAllOnes()
    {
        using var h = new PciHarness();
        Assert.Equal(0x0D57_8086u, h.Cfg(0, 0));
        Assert.Equal(0x0600u, h.Cfg(0, 0x0A, 2));
        Assert.Equal(0xFFFF_FFFFu, h.Cfg(1, 0));
        Assert.Equal(0xFFFFu, h.Memory.Read(PciHarness.Ecam + 0x1000, 2));
        using var other = new PciHarness(1);
        Assert.Equal(0xFFFF_FFFFu, other.Cfg(0, 0));
    }

    [Fact]
    public void UnalignedConfigAccesses_GoByteByByteThroughTheMasks()
    {
        using var h = new PciHarness();
        var s = h.Segment.Add(new ScratchDevice(h.Msi));
        Assert.Equal(1, s);
        Assert.Equal(0x7812u, h.Cfg(s, 1, 2));
        h.SetCfg(s, 0, 0, 8);
        Assert.Equal(0x5678_1234u, h.Cfg(s, 0));
        Assert.Equal(0x0010u, h.Cfg(s, 6, 2));
        h.SetCfg(s, 3, 0xFFFF_FFFF);
        Assert.Equal(0x0547u, h.Cfg(s, 4, 2));
        Assert.Equal(0u, h.Cfg(s, 0x800));
        Assert.Equal(0xFFFF_FF00u, h.Segment.ReadConfig(s << 3, 0xFFF, 4));
        h.Segment.WriteConfig(s << 3, 0xFFF, 4, ulong.MaxValue);
        Assert.Equal(ulong.MaxValue, h.Segment.ReadConfig(s << 3, 0, 16));
    }

    [Fact]
    public void Sizing_ReadsTheSizeMask()
    {
        using var h = new PciHarness();
        var s = h.Segment.Add(new ScratchDevice(h.Msi));
        foreach (var bar in new[] { 0x10, 0x14, 0x18, 0x1C, 0x20 })
        {
            h.SetCfg(s, bar, 0xFFFF_FFFF);
        }

        Assert.Equal(0xFFFF_C004u, h.Cfg(s, 0x10));
        Assert.Equal(0xFFFF_FFFFu, h.Cfg(s, 0x14));
        Assert.Equal(0xFFFF_F000u, h.Cfg(s, 0x18));
        Assert.Equal(0xFFFF_FFE1u, h.Cfg(s, 0x1C));
        Assert.Equal(0u, h.Cfg(s, 0x20));
    }

    [Fact]
    public void Bars_MapOnDecodeEnable_MoveOnWrite_AndUnmapOnDisable()
    {
        using var h = new PciHarness();
        var d = new ScratchDevice(h.Msi);
        var s = h.Segment.Add(d);
        Assert.All(d.Bars, b => Assert.Null(b.MappedAt));
        h.SetCfg(s, 4, 3, 2);
        Assert.Equal(PciHarness.Memory64, d.Bars[0].MappedAt);
        Assert.Equal(PciHarness.Memory32, d.Bars[1].MappedAt);
        Assert.Equal(PciHarness.Io + 0x20, d.Bars[2].MappedAt);
        h.Memory.Write(PciHarness.Memory64, 8, 77);
        h.SetCfg(s, 0x14, 3);
        Assert.Equal(0x3_0000_0000u, d.Bars[0].MappedAt);
        Assert.Equal(77u, h.Memory.Read(0x3_0000_0000, 8));
        Assert.Null(h.Memory.FindMmio(PciHarness.Memory64));
        h.SetCfg(s, 4, 1, 2);
        Assert.Null(d.Bars[0].MappedAt);
        Assert.NotNull(d.Bars[2].MappedAt);
    }

    [Fact]
    public void BarOutsideTheWindows_OrOverSomethingElse_StaysUnmapped_UntilTheRoomIsFree()
    {
        using var h = new PciHarness();
        var (a, b) = (new ScratchDevice(h.Msi), new ScratchDevice(h.Msi));
        var (s, t) = (h.Segment.Add(a), h.Segment.Add(b));
        h.SetCfg(s, 4, 2, 2);
        h.SetCfg(t, 4, 2, 2);
        var first = a.Bars[0].MappedAt!.Value;
        h.SetCfg(t, 0x10, first & 0xFFFF_FFFF);
        h.SetCfg(t, 0x14, first >> 32);
        Assert.Null(b.Bars[0].MappedAt);
        Assert.Contains("lies over something else", h.LogText.ToString());
        h.SetCfg(s, 0x14, 0);
        h.SetCfg(s, 0x10, PciHarness.RamBase);
        Assert.Null(a.Bars[0].MappedAt);
        Assert.Equal(first, b.Bars[0].MappedAt);
    }

    [Fact]
    public void Remove_UnmapsEverything_StopsTheDevice_AndFreesTheSlot()
    {
        using var h = new PciHarness();
        var d = new ScratchDevice(h.Msi);
        var s = h.Segment.Add(d, 7);
        h.SetCfg(s, 4, 3, 2);
        Assert.Same(d, h.Segment.Remove(7));
        Assert.True(d.Stopped);
        Assert.Single(h.Memory.Mmio);
        Assert.Equal(0xFFFF_FFFFu, h.Cfg(7, 0));
        Assert.Equal(7, h.Segment.Add(new ScratchDevice(h.Msi), 7));
        Assert.Throws<EmuException>(() => h.Segment.Add(new ScratchDevice(h.Msi), 7));
        for (var i = h.Segment.FindFreeSlot(); i >= 0; i = h.Segment.FindFreeSlot())
        {
            h.Segment.Add(new ScratchDevice(h.Msi));
        }

        Assert.Contains("full", Assert.Throws<EmuException>(() => h.Segment.Add(new ScratchDevice(h.Msi))).Message);
    }

    [Fact]
    public void Msix_MaskedVectorsStayPending_AndGoOutOnUnmask()
    {
        using var h = new PciHarness();
        var d = new ScratchDevice(h.Msi);
        var s = h.Segment.Add(d, 3);
        var table = h.EnableBar0(s) + 0x1000;
        d.Msix!.Send(0);
        Assert.Empty(h.Msi.Sent);
        h.EnableMsix(s, table, 4);
        d.Msix.Send(2);
        Assert.Equal((0x0804_0040ul, 102u, 3u << 3), h.Msi.Sent[^1]);
        h.Memory.Write(table + 16 + 12, 4, 1);
        d.Msix.Send(1);
        d.Msix.Send(1);
        Assert.Equal(2u, h.Memory.Read(table + 0x1000, 8));
        Assert.Single(h.Msi.Sent);
        h.Memory.Write(table + 16 + 12, 4, 0);
        Assert.Equal(1, h.Msi.Count(101));
        Assert.Equal(0u, h.Memory.Read(table + 0x1000, 4));

        var control = h.FindCapability(s, 0x11) + 2;
        h.SetCfg(s, control, 0xC000, 2);
        d.Msix.Send(0);
        d.Msix.Send(3);
        d.Msix.Send(4);
        d.Msix.Send(-1);
        Assert.Equal(9u, h.Memory.Read(table + 0x1000, 4));
        h.SetCfg(s, control, 0x8000, 2);
        Assert.Equal(1, h.Msi.Count(100));
        Assert.Equal(1, h.Msi.Count(103));
        Assert.Equal(4, h.Msi.Sent.Count);
    }

    [Fact]
    public void Snapshot_RoundTrips_WithMovedBarsAndPendingVectors_AndResetReturnsToPowerOn()
    {
        using var h = new PciHarness();
        var d = new ScratchDevice(h.Msi);
        var s = h.Segment.Add(d);
        var table = h.EnableBar0(s) + 0x1000;
        var fresh = PciHarness.Save(h.Segment);
        h.EnableMsix(s, table, 4);
        h.Memory.Write(table + 12, 4, 1);
        d.Msix!.Send(0);
        h.SetCfg(s, 0x14, 3);
        h.Memory.Write(0x3_0000_0000, 8, 5);
        var state = PciHarness.Save(h.Segment);
        using var copy = new PciHarness();
        var e = new ScratchDevice(copy.Msi);
        copy.Segment.Add(e);
        PciHarness.Restore(copy.Segment, state);
        Assert.Equal(state, PciHarness.Save(copy.Segment));
        Assert.Equal(5u, copy.Memory.Read(0x3_0000_0000, 8));
        copy.Memory.Write(0x3_0000_100C, 4, 0);
        Assert.Equal(1, copy.Msi.Count(100));
        copy.Segment.Reset();
        Assert.Null(e.Bars[0].MappedAt);
        Assert.Equal(PciHarness.Memory64, copy.EnableBar0(s));
        Assert.Equal(fresh.Length, PciHarness.Save(copy.Segment).Length);
        using var empty = new PciHarness();
        Assert.Throws<InvalidDataException>(() => PciHarness.Restore(empty.Segment, state));
        state[200] ^= 0xFF;
        Assert.Throws<InvalidDataException>(() => PciHarness.Restore(copy.Segment, state));
    }

    [Fact]
    public void HostileConfigAccesses_NeverThrow()
    {
        using var h = new PciHarness();
        var random = new Random(11);
        for (var i = 0; i < 6; i++)
        {
            h.Segment.Add(new ScratchDevice(h.Msi));
        }

        int[] sizes = [1, 2, 4, 8, 3, 0, -1, 16];
        for (var i = 0; i < 100_000; i++)
        {
            var offset = ((ulong)random.Next(8) << 15) + (ulong)random.Next(random.Next(2) == 0 ? 0x60 : 0x1000);
            var size = sizes[random.Next(sizes.Length)];
            if (random.Next(2) == 0)
            {
                h.Segment.Read(offset, size);
            }
            else
            {
                h.Segment.Write(offset, size, random.Next(3) == 0 ? (ulong)random.Next(8) << 28 : (ulong)random.NextInt64());
            }
        }

        h.Segment.Read(ulong.MaxValue, 4);
        h.Segment.Write(ulong.MaxValue, 4, 0);
        Assert.All(h.Memory.Mmio.Where(m => m.Name.Contains("BAR")), m => Assert.True(m.Start >= PciHarness.Io));
    }
}
