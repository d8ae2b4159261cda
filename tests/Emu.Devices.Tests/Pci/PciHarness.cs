// Guest RAM, a PCI segment, and a sink that records MSIs, for the tests of PCI and of virtio devices.
using Emu.Core;
using Emu.Devices.Pci;

namespace Emu.Devices.Tests;

/// <summary>Records MSIs.</summary>
internal sealed class RecordingMsi : IMsiSink
{
    private readonly Lock gate = new();
    private readonly List<(ulong Address, uint Data, uint Device)> sent = [];

    public IReadOnlyList<(ulong Address, uint Data, uint Device)> Sent
    {
        get
        {
            lock (gate)
            {
                return [.. sent];
            }
        }
    }

    public void Send(ulong address, uint data, uint deviceId)
    {
        lock (gate)
        {
            if (sent.Count < 100_000)
            {
                sent.Add((address, data, deviceId));
            }
        }
    }

    public int Count(uint data)
    {
        lock (gate)
        {
            return sent.Count(m => m.Data == data);
        }
    }
}

/// <summary>16 MiB of RAM at 0x4000_0000 between two guard zones, and segment 0 with the arm64 windows.</summary>
internal sealed unsafe class PciHarness : IDisposable
{
    public const ulong RamBase = 0x4000_0000, RamSize = 16 << 20, Ecam = 0x3000_0000;
    public const ulong Memory32 = 0x1000_0000, Memory64 = 0x2_0000_0000, Io = 0x0905_0000;
    private const ulong Guard = 1 << 20;

    private readonly HostMemory host;

    public PciHarness(int segment = 0, bool shared = false)
    {
        host = new HostMemory(RamSize + (2 * Guard), shared);
        Memory = new PhysicalAddressSpace(new Log(LogText));
        new Span<byte>(host.Pointer, (int)Guard).Fill(0xA5);
        new Span<byte>(host.Pointer + Guard + RamSize, (int)Guard).Fill(0xA5);
        Memory.AddRam("ram", RamBase, RamSize, host.Pointer + Guard, backing: host);
        Segment = new PciSegment(segment, Memory, new PciWindow(Io, 0x1_0000, 0), PciWindow.Identity(Memory32, 512 << 20),
            PciWindow.Identity(Memory64, 1UL << 36), new Log(LogText));
        Memory.AddMmio("ecam", Ecam, PciSegment.EcamSize, Segment);
    }

    public SharedText LogText { get; } = new();

    public PhysicalAddressSpace Memory { get; }

    public PciSegment Segment { get; }

    public RecordingMsi Msi { get; } = new();

    public ulong Cfg(int slot, int offset, int size = 4) => Memory.Read(Ecam + ((ulong)slot << 15) + (ulong)offset, size);

    public void SetCfg(int slot, int offset, ulong value, int size = 4) => Memory.Write(Ecam + ((ulong)slot << 15) + (ulong)offset, size, value);

    /// <summary>Offset of a capability, or 0.</summary>
    public int FindCapability(int slot, byte id, Func<int, bool>? match = null)
    {
        for (var at = (int)Cfg(slot, 0x34, 1); at != 0; at = (int)Cfg(slot, at + 1, 1))
        {
            if (Cfg(slot, at, 1) == id && (match?.Invoke(at) ?? true))
            {
                return at;
            }
        }

        return 0;
    }

    /// <summary>Turns memory decoding and bus mastering on and returns the address of BAR 0.</summary>
    public ulong EnableBar0(int slot)
    {
        SetCfg(slot, 4, 6, 2);
        var low = Cfg(slot, 0x10);
        return (low & ~0xFUL) | ((low & 6) == 4 ? Cfg(slot, 0x14) << 32 : 0);
    }

    /// <summary>Programs and unmasks MSI-X vectors with data = 100 + vector, and enables the function.</summary>
    public void EnableMsix(int slot, ulong table, int vectors)
    {
        for (var v = 0; v < vectors; v++)
        {
            Memory.Write(table + ((ulong)v * 16), 4, 0x0804_0040);
            Memory.Write(table + ((ulong)v * 16) + 4, 4, 0);
            Memory.Write(table + ((ulong)v * 16) + 8, 4, 100 + (ulong)v);
            Memory.Write(table + ((ulong)v * 16) + 12, 4, 0);
        }

        SetCfg(slot, FindCapability(slot, 0x11) + 2, 0x8000, 2);
    }

    public static byte[] Save(ISnapshotable part)
    {
        var stream = new MemoryStream();
        part.Save(new SnapshotWriter(stream));
        return stream.ToArray();
    }

    public static void Restore(ISnapshotable part, byte[] state) => part.Restore(new SnapshotReader(new MemoryStream(state)));

    public void AssertGuardsIntact()
    {
        Assert.Equal(-1, new ReadOnlySpan<byte>(host.Pointer, (int)Guard).IndexOfAnyExcept((byte)0xA5));
        Assert.Equal(-1, new ReadOnlySpan<byte>(host.Pointer + Guard + RamSize, (int)Guard).IndexOfAnyExcept((byte)0xA5));
    }

    public void Dispose()
    {
        Memory.Dispose();
        host.Dispose();
    }
}

/// <summary>A device with a 64-bit BAR of scratch registers and MSI-X, a 32-bit BAR, and an I/O BAR.</summary>
internal sealed class ScratchDevice : PciDevice, IMmioDevice
{
    private ulong scratch;

    public ScratchDevice(IMsiSink msi, int vectors = 4)
        : base("scratch", new PciIdentity(0x1234, 0x5678, 0xFF0000, 3, 0xAAAA, 0xBBBB))
    {
        AddBar(0, PciBarKind.Memory64, 0x4000, this, 0x1_0000);
        AddBar(2, PciBarKind.Memory32, 0x1000, this);
        AddBar(3, PciBarKind.Io, 0x20, this);
        AddMsix(vectors, 0, 0x1000, 0, 0x2000, msi);
    }

    public bool Stopped { get; private set; }

    public ulong Read(ulong offset, int size) => offset switch
    {
        >= 0x2000 => Msix!.ReadPending(offset - 0x2000, size),
        >= 0x1000 => Msix!.ReadTable(offset - 0x1000, size),
        _ => scratch,
    };

    public void Write(ulong offset, int size, ulong value)
    {
        if (offset is >= 0x1000 and < 0x2000)
        {
            Msix!.WriteTable(offset - 0x1000, size, value);
        }
        else
        {
            scratch = value;
        }
    }

    protected override void OnRemoved() => Stopped = true;

    protected override void SaveState(SnapshotWriter writer) => writer.U64(scratch);

    protected override void RestoreState(SnapshotReader reader) => scratch = reader.U64();
}
