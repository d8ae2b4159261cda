// fw_cfg by its registers and by DMA: what firmware reads, and what a hostile driver gets.
using System.Buffers.Binary;
using System.Text;
using Emu.Core;
using Emu.Devices.Firmware;

namespace Emu.Devices.Tests;

public sealed class FwCfgTests : IDisposable
{
    private const ulong Base = 0x0903_0000, Request = PciHarness.RamBase + 0x100, Target = PciHarness.RamBase + 0x1000;
    private const uint Error = 1, ReadBit = 2, Skip = 4, Select = 8, WriteBit = 16;

    private readonly PciHarness harness = new();
    private readonly FwCfg device;

    public FwCfgTests()
    {
        device = new FwCfg(harness.Memory, new Log(harness.LogText));
        device.Add(FwCfgItem.CommandLineData, "quiet"u8.ToArray());
        device.Add(FwCfgItem.KernelSize, 0x1234_5678);
        device.Add(FwCfgItem.KernelData, 1 << 20, (offset, destination) =>
        {
            for (var i = 0; i < destination.Length; i++)
            {
                destination[i] = (byte)((offset + i) >> 8);
            }
        });
        device.Add(FwCfgItem.InitrdData, 100, (_, _) => throw new EmuException("the disk is gone"));
        device.AddFile("etc/b", "second"u8.ToArray());
        device.AddFile("etc/a", "first"u8.ToArray());
        device.Seal();
        harness.Memory.AddMmio("fw_cfg", Base, FwCfg.RegistersLength, device);
    }

    public void Dispose()
    {
        harness.AssertGuardsIntact();
        harness.Dispose();
    }

    [Fact]
    public void Data_GivesTheItemsBytesInMemoryOrder_AndZeroesBehindThem()
    {
        Choose(FwCfgItem.Signature);
        Assert.Equal("QEMU", Encoding.ASCII.GetString(BitConverter.GetBytes((uint)harness.Memory.Read(Base, 4))));
        Choose(FwCfgItem.KernelSize);
        Assert.Equal(0x1234_5678UL, harness.Memory.Read(Base, 8));
        Choose(FwCfgItem.CommandLineData);
        Assert.Equal("quiet\0\0", string.Concat(Enumerable.Range(0, 7).Select(_ => (char)harness.Memory.Read(Base, 1))));
        Choose(0x7FFF);
        Assert.Equal(0UL, harness.Memory.Read(Base, 8));
        Assert.Equal(0x4746_4320_554D_4551UL, harness.Memory.Read(Base + 0x10, 8));
        Assert.Equal(0x4746_4320UL, harness.Memory.Read(Base + 0x14, 4));
    }

    [Fact]
    public void Directory_NamesTheFilesInOrder()
    {
        Assert.Equal(0u, Dma(ReadBit | Select | ((uint)FwCfgItem.FileDirectory << 16), 4 + (2 * 64), Target));
        var bytes = Bytes(4 + (2 * 64));
        Assert.Equal(2, BinaryPrimitives.ReadInt32BigEndian(bytes));
        Assert.Equal(5, BinaryPrimitives.ReadInt32BigEndian(bytes.AsSpan(4)));
        var key = BinaryPrimitives.ReadUInt16BigEndian(bytes.AsSpan(8));
        Assert.Equal("etc/a\0", Encoding.ASCII.GetString(bytes, 12, 6));
        Assert.Equal("etc/b\0", Encoding.ASCII.GetString(bytes, 76, 6));
        Assert.Equal(0u, Dma(ReadBit | Select | ((uint)key << 16), 5, Target));
        Assert.Equal("first", Encoding.ASCII.GetString(Bytes(5)));
    }

    [Fact]
    public void Dma_ReadsInParts_Skips_AndFillsUpWithZeroes()
    {
        Fill();
        Assert.Equal(0u, Dma(ReadBit | Select | ((uint)FwCfgItem.KernelData << 16), 0x180, Target));
        Assert.Equal(1, Bytes(0x180)[0x100]);
        Assert.Equal(0u, Dma(Skip, 0x1_0000, 0));
        Assert.Equal(0u, Dma(ReadBit, 1, Target));
        Assert.Equal(1, Bytes(1)[0]);
        Assert.Equal(0u, Dma(Skip, uint.MaxValue, 0));
        Assert.Equal(0u, Dma(ReadBit, 8, Target));
        Assert.Equal(new byte[8], Bytes(8));
        Assert.Equal(0u, Dma(ReadBit | Select | ((uint)FwCfgItem.CommandLineData << 16), 0, Target));
        Assert.Equal(0u, Dma(ReadBit, 8, Target));
        Assert.Equal("quiet\0\0\0", Encoding.ASCII.GetString(Bytes(8)));
    }

    [Fact]
    public void Dma_ByTwoHalves_IsTheSame()
    {
        WriteRequest(ReadBit | Select | ((uint)FwCfgItem.Signature << 16), 4, Target);
        harness.Memory.Write(Base + 0x10, 4, 0);
        harness.Memory.Write(Base + 0x14, 4, BinaryPrimitives.ReverseEndianness((uint)Request));
        Assert.Equal("QEMU", Encoding.ASCII.GetString(Bytes(4)));
        Assert.Equal(0UL, harness.Memory.Read(Request, 4));
    }

    [Theory]
    [InlineData(0x1000u, PciHarness.RamBase + PciHarness.RamSize - 0xFFF)]
    [InlineData(uint.MaxValue, Target)]
    [InlineData(1u, 0UL)]
    [InlineData(1u, Base)]
    [InlineData(2u, ulong.MaxValue)]
    [InlineData(uint.MaxValue, ulong.MaxValue - 100)]
    public void Dma_BesideRam_IsRefused_AndNothingIsWritten(uint length, ulong address)
    {
        Fill();
        Assert.Equal(Error, Dma(ReadBit | Select | ((uint)FwCfgItem.KernelData << 16), length, address));
        Assert.All(Bytes(64), b => Assert.Equal(0xEE, b));
        Assert.Equal(0xEEUL, harness.Memory.Read(PciHarness.RamBase + PciHarness.RamSize - 1, 1));
    }

    [Fact]
    public void Dma_OfARequestBesideRam_IsIgnored()
    {
        foreach (var address in (ReadOnlySpan<ulong>)[0, Base, PciHarness.RamBase - 8, PciHarness.RamBase + PciHarness.RamSize - 15, ulong.MaxValue, ulong.MaxValue - 15])
        {
            harness.Memory.Write(Base + 0x10, 8, BinaryPrimitives.ReverseEndianness(address));
        }

        Assert.Contains("no RAM", harness.LogText.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Items_CannotBeWritten_AndAHostsFailureIsAnError()
    {
        Assert.Equal(Error, Dma(WriteBit | Select | ((uint)FwCfgItem.CommandLineData << 16), 4, Target));
        Fill();
        Assert.Equal(Error, Dma(ReadBit | Select | ((uint)FwCfgItem.InitrdData << 16), 100, Target));
        Assert.Equal(new byte[100], Bytes(100));
        Assert.Contains("the disk is gone", harness.LogText.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Dma_GoesOnOverRegionsThatLieSideBySide_AndStopsBeforeReadOnlyMemory()
    {
        using var more = new HostMemory(0x2000);
        unsafe
        {
            harness.Memory.AddRam("more", PciHarness.RamBase + PciHarness.RamSize, 0x1000, more.Pointer);
            harness.Memory.AddRam("rom", PciHarness.RamBase + PciHarness.RamSize + 0x1000, 0x1000, more.Pointer + 0x1000, readOnly: true);
        }

        const ulong Start = PciHarness.RamBase + PciHarness.RamSize - 0x800;
        Assert.Equal(0u, Dma(ReadBit | Select | ((uint)FwCfgItem.KernelData << 16), 0x1800, Start));
        Assert.Equal(0x17UL, harness.Memory.Read(Start + 0x17FF, 1));
        Assert.Equal(Error, Dma(ReadBit, 0x1801, Start));
        Assert.Equal(0UL, harness.Memory.Read(Start + 0x1800, 1));

    }

    [Fact]
    public void Snapshot_KeepsThePlaceInTheItem()
    {
        Choose(FwCfgItem.CommandLineData);
        harness.Memory.Read(Base, 2);
        harness.Memory.Write(Base + 0x10, 4, 0x0100_0000);
        var state = PciHarness.Save(device);
        device.Reset();
        Assert.NotEqual(state, PciHarness.Save(device));
        PciHarness.Restore(device, state);
        Assert.Equal(state, PciHarness.Save(device));
        Assert.Equal((ulong)'i', harness.Memory.Read(Base, 1));
        var bad = (byte[])state.Clone();
        bad[3] = 200;
        Assert.Throws<InvalidDataException>(() => PciHarness.Restore(device, bad));
    }

    private void Choose(ushort item) => harness.Memory.Write(Base + 8, 2, BinaryPrimitives.ReverseEndianness(item));

    /// <summary>Carries out a request; gives its control word afterwards.</summary>
    private uint Dma(uint control, uint length, ulong address)
    {
        WriteRequest(control, length, address);
        harness.Memory.Write(Base + 0x10, 8, BinaryPrimitives.ReverseEndianness(Request));
        return BinaryPrimitives.ReverseEndianness((uint)harness.Memory.Read(Request, 4));
    }

    private void WriteRequest(uint control, uint length, ulong address)
    {
        harness.Memory.Write(Request, 4, BinaryPrimitives.ReverseEndianness(control));
        harness.Memory.Write(Request + 4, 4, BinaryPrimitives.ReverseEndianness(length));
        harness.Memory.Write(Request + 8, 8, BinaryPrimitives.ReverseEndianness(address));
    }

    private void Fill()
    {
        harness.Memory.TryWriteRam(Target, [.. Enumerable.Repeat((byte)0xEE, 0x1000)]);
        harness.Memory.Write(PciHarness.RamBase + PciHarness.RamSize - 1, 1, 0xEE);
    }

    private byte[] Bytes(int count)
    {
        var bytes = new byte[count];
        Assert.True(harness.Memory.TryReadRam(Target, bytes));
        return bytes;
    }
}
