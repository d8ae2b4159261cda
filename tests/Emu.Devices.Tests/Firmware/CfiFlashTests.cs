// The flash bank as a driver of Intel's command set uses it, and what its file holds.
using Emu.Core;
using Emu.Devices.Firmware;
using Emu.Devices.Storage.Host;
using Emu.Devices.Tests.Storage;

namespace Emu.Devices.Tests;

public sealed class CfiFlashTests : IDisposable
{
    private const ulong Base = 0x0400_0000;
    private const uint Size = 4 * CfiFlash.BlockBytes;
    private const ulong Ready = 0x0080_0080;

    private readonly DirectoryInfo directory = Directory.CreateTempSubdirectory("emu-flash-");
    private readonly PciHarness harness = new();
    private readonly List<CfiFlash> banks = [];

    public void Dispose()
    {
        banks.ForEach(b => b.Dispose());
        harness.Dispose();
        directory.Delete(recursive: true);
    }

    [Fact]
    public void Contents_AreReadOnlyMemory_UntilACommandComes_AndAgainAfterwards()
    {
        Create([1, 2, 3, 4]);
        var memory = harness.Memory;
        Assert.Equal(0x0403_0201UL, Read(0));
        Assert.NotNull(memory.FindRam(Base));
        Assert.True(memory.FindRam(Base)!.ReadOnly);

        Write(0, 0x0070_0070);
        Assert.Null(memory.FindRam(Base));
        Assert.Equal(Ready, Read(Size - 4));
        Write(0, 0x00FF_00FF);
        Assert.Equal(0x0403_0201UL, Read(0));
        Assert.Equal(0x0201UL, memory.Read(Base, 2));
        Assert.Equal(0x02UL, memory.Read(Base + 1, 1));
        Assert.Equal(0x0403_0201UL, memory.Read(Base, 8));
        for (var i = 0; i < 64; i++)
        {
            Read(0);
        }

        Assert.NotNull(memory.FindRam(Base));
    }

    [Fact]
    public void EraseAndProgram_ChangeTheirBlockOnly_AndBitsGoDownOnly()
    {
        Create([1, 2, 3, 4]);
        Erase(CfiFlash.BlockBytes);
        Program(CfiFlash.BlockBytes + 8, 0x1234_5678);
        Program(CfiFlash.BlockBytes + 8, 0xFFFF_00FF);
        Write(0, 0x00FF_00FF);
        Assert.Equal(0x0403_0201UL, Read(0));
        Assert.Equal(0xFFFF_FFFFUL, Read(CfiFlash.BlockBytes));
        Assert.Equal(0x1234_0078UL, Read(CfiFlash.BlockBytes + 8));
        Assert.Equal(0xFFFF_FFFFUL, Read((2 * CfiFlash.BlockBytes) - 4));
        Assert.Equal(0UL, Read(2 * CfiFlash.BlockBytes));
    }

    [Fact]
    public void BufferedProgram_TakesThirtyTwoWords_AndIsDoneByTheConfirmation()
    {
        Create([]);
        Erase(0);
        Buffer(0x100, 32, 0x00D0_00D0);
        Assert.Equal(Ready, Read(0x100));
        Write(0x100, 0x00FF_00FF);
        for (uint i = 0; i < 32; i++)
        {
            Assert.Equal(0x5A00_0000UL + i, Read(0x100 + (i * 4)));
        }

        Assert.Equal(0xFFFF_FFFFUL, Read(0x180));

        // One word too many, another word than the confirmation, another block: errors of sequence, and nothing is written.
        Buffer(0x200, 33, 0x00D0_00D0);
        Assert.Equal(0x00B0_00B0UL, Read(0));
        Write(0, 0x0050_0050);
        Assert.Equal(Ready, Read(0));
        Buffer(0x200, 4, 0x0070_0070);
        Assert.Equal(0x00B0_00B0UL, Read(0));
        Write(0, 0x0050_0050);
        Write(0x200, 0x00E8_00E8);
        Write(CfiFlash.BlockBytes, 0x0001_0001);
        Assert.Equal(0x00B0_00B0UL, Read(0));
        Write(0, 0x00FF_00FF);
        Assert.Equal(0xFFFF_FFFFUL, Read(0x200));
    }

    [Fact]
    public void LockedBlock_CannotBeChanged()
    {
        Create([]);
        Erase(0);
        Write(0, 0x0060_0060);
        Write(0, 0x0001_0001);
        Write(0, 0x0090_0090);
        Assert.Equal(0x0089_0089UL, Read(0));
        Assert.Equal(0x0018_0018UL, Read(4));
        Assert.Equal(0x0001_0001UL, Read(8));
        Assert.Equal(0UL, Read(CfiFlash.BlockBytes + 8));
        Program(0, 0);
        Assert.Equal(0x0092_0092UL, Read(0));
        Write(0, 0x0050_0050);
        Erase(0);
        Assert.Equal(0x00A2_00A2UL, Read(0));
        Write(0, 0x0050_0050);
        Write(0, 0x0060_0060);
        Write(0, 0x00D0_00D0);
        Program(0, 0x1111_1111);
        Assert.Equal(Ready, Read(0));
        Write(0, 0x00FF_00FF);
        Assert.Equal(0x1111_1111UL, Read(0));
    }

    [Fact]
    public void Query_DescribesTheChips()
    {
        Create([]);
        Write(0x55 * 4, 0x0098_0098);
        string Letters(params uint[] words) => string.Concat(words.Select(w => (char)(Read(w * 4) & 0xFF)));
        Assert.Equal("QRY", Letters(0x10, 0x11, 0x12));
        Assert.Equal("PRI", Letters(0x31, 0x32, 0x33));
        Assert.Equal(Size / 2, 1u << (int)(Read(0x27 * 4) & 0xFF));
        Assert.Equal(64u, 1u << (int)(Read(0x2A * 4) & 0xFF));
        Assert.Equal(0x0003_0003UL, Read(0x2D * 4));
        Assert.Equal(0x0002_0002UL, Read(0x30 * 4));
        Assert.Equal(0UL, Read(0xFF * 4));
    }

    [Fact]
    public void Chips_HaveStatesOfTheirOwn_AndNoByteEnables()
    {
        Create([1, 2, 3, 4]);
        harness.Memory.Write(Base, 2, 0x70);
        Assert.Equal(0x0403_0080UL, Read(0));
        harness.Memory.Write(Base + 2, 2, 0x90);
        Assert.Equal(0x0089_0080UL, Read(0));
        harness.Memory.Write(Base, 1, 0xFF);
        harness.Memory.Write(Base + 1, 2, 0xFFFF);
        Assert.Equal(0x0089_0080UL, Read(0));
        harness.Memory.Write(Base, 8, 0x00FF_00FF_00FF_00FF);
        Assert.Equal(0x0403_0201UL, Read(0));
        Assert.Equal(0xFFUL, banks[0].Read(Size, 1));
        banks[0].Write(Size, 4, 0x00FF_00FF);
    }

    [Fact]
    public void Reset_KeepsContents_AndEndsCommands()
    {
        var bank = Create([]);
        Erase(0);
        Program(4, 0x1234_5678);
        Write(0, 0x0060_0060);
        Write(0, 0x0001_0001);
        Write(0, 0x00E8_00E8);
        bank.Reset();
        Assert.Equal(0x1234_5678UL, Read(4));
        Assert.NotNull(harness.Memory.FindRam(Base));
        Write(0, 0x0090_0090);
        Assert.Equal(0UL, Read(8));
    }

    [Fact]
    public void File_HoldsWhatTheGuestWasToldIsWritten()
    {
        var path = Path.Combine(directory.FullName, "vars");
        File.WriteAllBytes(path, new byte[Size]);
        Create(new FlashStore(LinuxFile.Open(path, readOnly: false, direct: false, Log.Null)));
        Erase(0);
        Program(8, 0x1234_5678);

        // Read beside the bank, which was not closed: as another process would after this one was killed.
        var bytes = File.ReadAllBytes(path);
        Assert.Equal([255, 255, 255, 255, 0x78, 0x56, 0x34, 0x12, 255], bytes[4..13]);
        Assert.Equal(0, bytes[CfiFlash.BlockBytes]);
        banks[0].Dispose();
        banks.Clear();
        Assert.Equal(bytes, File.ReadAllBytes(path));
    }

    /// <summary>Nobody asks for it: the chip has no such command.</summary>
    [Fact]
    public void File_SurvivesTheHost_AMomentAfterTheLastWrite()
    {
        var file = new FaultyFile(new byte[Size]);
        Create(new FlashStore(file, TimeSpan.FromMilliseconds(1)));
        for (var round = 0u; round < 3; round++)
        {
            Erase(0);
            Program(8, round);
            Patience.Until(() => file.Unflushed == 0, "what was written is not flushed");
            Assert.Equal((byte)round, file.AfterPowerLoss(new Random(1))[8]);
        }
    }

    [Fact]
    public void HostsFailure_IsAnErrorOfTheCommand_AndTheContentsStay()
    {
        Create(new FlashStore(new FaultyFile(new byte[Size]) { ChangesLeft = 0 }));
        Write(0, 0x0020_0020);
        Write(0, 0x00D0_00D0);
        Assert.Equal(0x00A0_00A0UL, Read(0));
        Write(0, 0x0050_0050);
        Program(0, 0xFFFF_FFFF);
        Assert.Equal(0x0090_0090UL, Read(0));
        Write(0, 0x00FF_00FF);
        Assert.Equal(0UL, Read(0));
    }

    [Fact]
    public void Snapshot_InTheMiddleOfACommand_GoesOnThere_WithTheContents()
    {
        var bank = Create([9]);
        Erase(0);
        Write(0x40, 0x00E8_00E8);
        Write(0x40, 0x0001_0001);
        Write(0x40, 0x1111_1111);
        var state = PciHarness.Save(bank);

        bank.Dispose();
        banks.Clear();
        harness.Memory.Remove(harness.Memory.FindMmio(Base)!);
        var copy = Create([7, 7, 7, 7]);
        PciHarness.Restore(copy, state);
        Assert.Equal(state, PciHarness.Save(copy));
        Assert.Equal(Ready, Read(0));
        Write(0x44, 0x2222_2222);
        Write(0x40, 0x00D0_00D0);
        Write(0x40, 0x00FF_00FF);
        Assert.Equal(0x1111_1111UL, Read(0x40));
        Assert.Equal(0x2222_2222UL, Read(0x44));
        Assert.Equal(0xFFFF_FFFFUL, Read(0));

        // A state that no chip has is refused.
        for (var at = 0; at < 30; at++)
        {
            var bad = (byte[])state.Clone();
            bad[at] = 0xEE;
            try
            {
                PciHarness.Restore(copy, bad);
            }
            catch (InvalidDataException)
            {
                continue;
            }

            Write(0, 0x00FF_00FF);
        }
    }

    private CfiFlash Create(byte[] initial) => Create(new FlashStore(Size, initial));

    private CfiFlash Create(FlashStore store)
    {
        banks.Add(new CfiFlash(harness.Memory, Base, store));
        return banks[^1];
    }

    private ulong Read(uint offset) => harness.Memory.Read(Base + offset, 4);

    private void Write(uint offset, uint value) => harness.Memory.Write(Base + offset, 4, value);

    private void Erase(uint offset)
    {
        Write(offset, 0x0020_0020);
        Write(offset, 0x00D0_00D0);
    }

    private void Program(uint offset, uint value)
    {
        Write(offset, 0x0040_0040);
        Write(offset, value);
    }

    private void Buffer(uint offset, uint words, uint confirmation)
    {
        Write(offset, 0x00E8_00E8);
        Write(offset, (words - 1) * 0x0001_0001);
        for (uint i = 0; i < words; i++)
        {
            Write(offset + (i * 4), 0x5A00_0000 + i);
        }

        Write(offset, confirmation);
    }
}
