// A PCI function with a type 0 header: configuration space with write masks, base address registers and a capability list.
using System.Buffers.Binary;
using System.Numerics;
using Emu.Core;

namespace Emu.Devices.Pci;

/// <summary>
/// The base of every PCI device (single function). Its configuration space is guarded by the lock of its <see cref="PciSegment"/>; what lies
/// behind its BARs guards itself. A subclass adds BARs and capabilities in its constructor.
/// </summary>
public abstract class PciDevice
{
    private readonly byte[] config = new byte[PciRegister.ConfigSize];
    private readonly byte[] writable = new byte[PciRegister.ConfigSize];
    private readonly byte[] powerOn = new byte[PciRegister.ConfigSize];
    private readonly List<PciBar> bars = [];
    private int capabilityEnd = PciRegister.HeaderEnd;
    private int lastCapability;

    /// <summary>Creates a function with nothing but its header.</summary>
    /// <param name="name">Name for messages and maps.</param>
    /// <param name="identity">Identification registers.</param>
    protected PciDevice(string name, PciIdentity identity)
    {
        Name = name;
        SetWord(PciRegister.VendorId, identity.Vendor);
        SetWord(PciRegister.DeviceId, identity.Device);
        config[PciRegister.RevisionId] = identity.Revision;
        config[PciRegister.ClassCode] = (byte)identity.Class;
        SetWord(PciRegister.ClassCode + 1, (ushort)(identity.Class >> 8));
        SetWord(PciRegister.SubsystemVendorId, identity.SubsystemVendor);
        SetWord(PciRegister.SubsystemId, identity.Subsystem);
        BinaryPrimitives.WriteUInt16LittleEndian(writable.AsSpan(PciRegister.Command), PciRegister.CommandWritable);
        writable[PciRegister.CacheLineSize] = 0xFF;
        writable[PciRegister.InterruptLine] = 0xFF;
    }

    /// <summary>Name for messages and maps.</summary>
    public string Name { get; }

    /// <summary>The segment this device sits in, or null.</summary>
    public PciSegment? Segment { get; private set; }

    /// <summary>Device number on the bus, 0 to 31; -1 while it sits in no segment.</summary>
    public int Slot { get; private set; } = -1;

    /// <summary>Requester ID as MSIs carry it: (segment &amp; 0xFF) &lt;&lt; 8 | devfn.</summary>
    public uint RequesterId { get; private set; }

    /// <summary>The base address registers.</summary>
    public IReadOnlyList<PciBar> Bars => bars;

    /// <summary>The MSI-X capability, if the device has one.</summary>
    public MsixCapability? Msix { get; private set; }

    /// <summary>Adds a base address register.</summary>
    /// <param name="index">0 to 5; a 64-bit one also takes the next.</param>
    /// <param name="kind">Memory or I/O.</param>
    /// <param name="size">Bytes, a power of two: at least 16 (memory) or 4 (I/O).</param>
    /// <param name="window">The registers behind it.</param>
    /// <param name="alignment">Alignment of the address it gets at power-on; 0 for its size.</param>
    /// <param name="prefetchable">Reads have no side effects.</param>
    protected PciBar AddBar(int index, PciBarKind kind, ulong size, IMmioDevice window, ulong alignment = 0, bool prefetchable = false)
    {
        var last = index + (kind == PciBarKind.Memory64 ? 1 : 0);
        var minimum = kind == PciBarKind.Io ? 4u : 16u;
        if (index < 0 || last > 5 || !BitOperations.IsPow2(size) || size < minimum || bars.Any(b => Taken(b, index) || Taken(b, last)))
        {
            throw new ArgumentException($"{Name}: BAR {index} of 0x{size:x} bytes does not fit the header", nameof(index));
        }

        var register = PciRegister.Bar0 + (index * 4);
        var mask = ~(size - 1);
        var flags = kind switch { PciBarKind.Io => PciRegister.BarIo, PciBarKind.Memory64 => PciRegister.Bar64Bit, _ => 0u };
        flags |= prefetchable && kind != PciBarKind.Io ? PciRegister.BarPrefetchable : 0;
        BinaryPrimitives.WriteUInt32LittleEndian(config.AsSpan(register), flags);
        BinaryPrimitives.WriteUInt32LittleEndian(writable.AsSpan(register), (uint)mask);
        if (kind == PciBarKind.Memory64)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(writable.AsSpan(register + 4), (uint)(mask >> 32));
        }

        var bar = new PciBar(index, kind, size, Math.Max(size, alignment), window);
        bars.Add(bar);
        return bar;
    }

    /// <summary>Appends a capability to the list and returns its offset.</summary>
    /// <param name="id">Capability ID.</param>
    /// <param name="body">The bytes behind ID and next pointer.</param>
    /// <param name="bodyWritable">Which bits of the body software may write; empty for none.</param>
    protected int AddCapability(byte id, ReadOnlySpan<byte> body, ReadOnlySpan<byte> bodyWritable = default)
    {
        var offset = capabilityEnd;
        var end = (offset + 2 + body.Length + 3) & ~3;
        if (end > PciRegister.LegacyConfigSize || bodyWritable.Length > body.Length)
        {
            throw new ArgumentException($"{Name}: capability 0x{id:x} does not fit the configuration space", nameof(body));
        }

        config[offset] = id;
        body.CopyTo(config.AsSpan(offset + 2));
        bodyWritable.CopyTo(writable.AsSpan(offset + 2));
        config[lastCapability == 0 ? PciRegister.CapabilityPointer : lastCapability + 1] = (byte)offset;
        SetWord(PciRegister.Status, PciRegister.StatusCapabilityList);
        lastCapability = offset;
        capabilityEnd = end;
        return offset;
    }

    /// <summary>Adds the MSI-X capability. The subclass routes accesses of the table and the PBA inside its BAR to the object returned.</summary>
    /// <param name="vectors">1 to 2048.</param>
    /// <param name="tableBar">BAR that holds the table.</param>
    /// <param name="tableOffset">Offset of the table there, a multiple of 8.</param>
    /// <param name="pbaBar">BAR that holds the pending bits.</param>
    /// <param name="pbaOffset">Offset of the pending bits there, a multiple of 8.</param>
    /// <param name="sink">Where messages go.</param>
    protected MsixCapability AddMsix(int vectors, int tableBar, uint tableOffset, int pbaBar, uint pbaOffset, IMsiSink sink)
    {
        Span<byte> body = stackalloc byte[10];
        BinaryPrimitives.WriteUInt16LittleEndian(body, (ushort)(vectors - 1));
        BinaryPrimitives.WriteUInt32LittleEndian(body[2..], tableOffset | (uint)tableBar);
        BinaryPrimitives.WriteUInt32LittleEndian(body[6..], pbaOffset | (uint)pbaBar);
        var offset = AddCapability(PciRegister.CapabilityMsix, body, [0, (PciRegister.MsixEnable | PciRegister.MsixFunctionMask) >> 8]);
        Msix = new MsixCapability(vectors, offset, sink);
        return Msix;
    }

    /// <summary>Called before software reads bytes of configuration space, for registers that are computed.</summary>
    protected virtual void OnConfigRead(int offset, int size) { }

    /// <summary>Called after software wrote bytes of configuration space and BARs and MSI-X followed.</summary>
    protected virtual void OnConfigWritten(int offset, int size) { }

    /// <summary>Power-on reset of what is not configuration space.</summary>
    protected virtual void OnReset() { }

    /// <summary>Called when the device was taken out of its segment: it stops all activity.</summary>
    protected virtual void OnRemoved() { }

    /// <summary>Called before a snapshot and on pause: after it, no thread of the device touches guest memory or device state until <see cref="Resume"/>.</summary>
    public virtual void Pause() { }

    /// <summary>Ends a pause.</summary>
    public virtual void Resume() { }

    /// <summary>Writes the state of what is not configuration space, BARs or MSI-X.</summary>
    protected virtual void SaveState(SnapshotWriter writer) { }

    /// <summary>Reads what <see cref="SaveState"/> wrote.</summary>
    protected virtual void RestoreState(SnapshotReader reader) { }

    /// <summary>The bytes of configuration space, for a subclass's computed registers.</summary>
    protected Span<byte> Config => config;

    internal void Attach(PciSegment segment, int slot)
    {
        Segment = segment;
        Slot = slot;
        RequesterId = (uint)(((segment.Number & 0xFF) << 8) | (slot << 3));
        if (Msix is not null)
        {
            Msix.RequesterId = RequesterId;
        }
    }

    internal void Detach()
    {
        Segment = null;
        Slot = -1;
        OnRemoved();
    }

    /// <summary>Keeps the present configuration space as what a reset returns to.</summary>
    internal void KeepAsPowerOn() => config.CopyTo(powerOn, 0);

    internal void ResetConfig()
    {
        powerOn.CopyTo(config, 0);
        Msix?.Reset();
        OnReset();
    }

    internal ulong ReadConfig(int offset, int size)
    {
        OnConfigRead(offset, size);
        ulong value = 0;
        for (var i = 0; i < size; i++)
        {
            value |= (ulong)(offset + i < config.Length ? config[offset + i] : 0xFF) << (8 * i);
        }

        return value;
    }

    /// <summary>Writes through the masks; true when BARs or decode enables may have changed.</summary>
    internal bool WriteConfig(int offset, int size, ulong value)
    {
        for (var i = 0; i < size && offset + i < config.Length; i++)
        {
            var mask = writable[offset + i];
            config[offset + i] = (byte)((config[offset + i] & ~mask) | ((byte)(value >> (8 * i)) & mask));
        }

        Msix?.SetControl(GetWord(Msix.Offset + PciRegister.MsixControl));
        return Touches(offset, size, PciRegister.Command, PciRegister.Command + 2) || Touches(offset, size, PciRegister.Bar0, PciRegister.BarEnd);
    }

    internal void ConfigWritten(int offset, int size) => OnConfigWritten(offset, size);

    /// <summary>The address in a BAR, whether it decodes or not.</summary>
    internal ulong BarAddress(PciBar bar)
    {
        ulong value = BinaryPrimitives.ReadUInt32LittleEndian(config.AsSpan(bar.Register));
        if (bar.Kind == PciBarKind.Memory64)
        {
            value |= (ulong)BinaryPrimitives.ReadUInt32LittleEndian(config.AsSpan(bar.Register + 4)) << 32;
        }

        return value & ~(bar.Size - 1);
    }

    internal void SetBarAddress(PciBar bar, ulong address)
    {
        var low = config.AsSpan(bar.Register);
        var flags = BinaryPrimitives.ReadUInt32LittleEndian(low) & ~(uint)~(bar.Size - 1);
        BinaryPrimitives.WriteUInt32LittleEndian(low, flags | (uint)address);
        if (bar.Kind == PciBarKind.Memory64)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(config.AsSpan(bar.Register + 4), (uint)(address >> 32));
        }
    }

    internal bool Decodes(PciBar bar) =>
        (GetWord(PciRegister.Command) & (bar.Kind == PciBarKind.Io ? PciRegister.CommandIo : PciRegister.CommandMemory)) != 0;

    internal void Save(SnapshotWriter writer)
    {
        writer.String(Name);
        writer.Bytes(config);
        foreach (var bar in bars)
        {
            writer.Bool(bar.Region is not null);
        }

        Msix?.Save(writer);
        SaveState(writer);
    }

    /// <summary>Restores all but the mapping of BARs, and returns which BARs were mapped, a bit each in the order of <see cref="Bars"/>.</summary>
    internal uint Restore(SnapshotReader reader)
    {
        var name = reader.String();
        var bytes = reader.Bytes(config.Length);
        if (name != Name || bytes.Length != config.Length)
        {
            throw new InvalidDataException($"snapshot: pci: slot {Slot} holds \"{name}\", expected \"{Name}\"");
        }

        for (var i = 0; i < config.Length; i++)
        {
            if (((bytes[i] ^ powerOn[i]) & ~writable[i]) != 0)
            {
                throw new InvalidDataException($"snapshot: pci: {Name}: read-only configuration byte 0x{i:x} is 0x{bytes[i]:x2}, expected 0x{powerOn[i]:x2}");
            }
        }

        bytes.CopyTo(config, 0);
        uint mapped = 0;
        for (var i = 0; i < bars.Count; i++)
        {
            mapped |= reader.Bool() ? 1u << i : 0;
        }

        Msix?.Restore(reader, GetWord(Msix.Offset + PciRegister.MsixControl));
        RestoreState(reader);
        return mapped;
    }

    private static bool Taken(PciBar bar, int index) => index == bar.Index || (bar.Kind == PciBarKind.Memory64 && index == bar.Index + 1);

    private static bool Touches(int offset, int size, int start, int end) => offset < end && offset + size > start;

    private ushort GetWord(int offset) => BinaryPrimitives.ReadUInt16LittleEndian(config.AsSpan(offset));

    private void SetWord(int offset, ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(config.AsSpan(offset), value);
}
