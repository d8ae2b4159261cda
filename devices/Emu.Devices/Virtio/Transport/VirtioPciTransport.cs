// virtio over PCI (virtio 1.2, 4.1): identity, BAR 0, capabilities and interrupts; the registers are in VirtioPciTransport.Common.cs.
using System.Buffers.Binary;
using System.Numerics;
using Emu.Core;
using Emu.Devices.Pci;

namespace Emu.Devices.Virtio;

/// <summary>
/// A modern virtio-pci device. A notification goes to the device without a lock; everything else in the common configuration is serialised by
/// one. What a device calls back takes none of it, so a worker can be waited for during a reset.
/// </summary>
public sealed partial class VirtioPciTransport : PciDevice, IVirtioTransport
{
    private const uint ClassNetwork = 0x02_00_00;
    private const uint ClassStorage = 0x01_80_00;
    private const uint ClassOther = 0xFF_FF_00;

    // Bytes of struct virtio_pci_cap, with ID and next pointer, and where its fields lie from the start.
    private const int CapabilityBytes = 16;
    private const int CapabilityBar = 4;
    private const int CapabilityOffset = 8;
    private const int CapabilityLength = 12;
    private const int CapabilityData = 16;

    private readonly VirtioDevice device;
    private readonly PhysicalAddressSpace memory;
    private readonly IDmaTranslation? dma;
    private readonly Log log;
    private readonly MsixCapability msix;
    private readonly int accessCapability;
    private int isr;

    /// <summary>Puts a device behind PCI.</summary>
    /// <param name="device">A device that sits behind no transport.</param>
    /// <param name="memory">Guest memory.</param>
    /// <param name="msi">Where interrupts go.</param>
    /// <param name="log">Receives what drivers do wrong.</param>
    /// <param name="options">BAR type and ring features.</param>
    public VirtioPciTransport(VirtioDevice device, PhysicalAddressSpace memory, IMsiSink msi, Log log, VirtioPciOptions options)
        : base(device.Name, Identify(device))
    {
        var arePossible = device.QueueSizes.Length <= VirtioPci.MaximumQueues;
        foreach (var size in device.QueueSizes)
        {
            arePossible &= size is not 0 and <= VirtQueue.MaximumSize && BitOperations.IsPow2(size);
        }

        if (!arePossible)
        {
            throw new ArgumentException($"{device.Name}: at most {VirtioPci.MaximumQueues} queues of a power of two of entries are possible", nameof(device));
        }

        this.device = device;
        this.memory = memory;
        dma = options.Dma;
        this.log = log;
        offered = (device.DeviceFeatures & ~VirtioFeature.Transport) | VirtioFeature.Version1
            | (dma is null ? 0 : VirtioFeature.AccessPlatform)
            | (options.RingFeatures & device.RingFeatures & VirtioFeature.Transport);
        queues = new QueueRegisters[device.QueueSizes.Length];
        live = new VirtQueue?[queues.Length];

        AddBar(0, options.Bar32 ? PciBarKind.Memory32 : PciBarKind.Memory64, VirtioPci.BarSize, new BarWindow(this), VirtioPci.BarAlignment);
        AddStructure(VirtioCommon.CapabilityCommon, VirtioPci.CommonOffset, HasRingReset ? VirtioPci.CommonSizeWithReset : VirtioPci.CommonSize);
        AddStructure(VirtioCommon.CapabilityIsr, VirtioPci.IsrOffset, VirtioPci.IsrSize);
        AddStructure(VirtioCommon.CapabilityDevice, VirtioPci.DeviceOffset, VirtioPci.RegionSize);
        AddStructure(VirtioCommon.CapabilityNotify, VirtioPci.NotifyOffset, VirtioPci.RegionSize, VirtioPci.NotifyMultiplier);
        accessCapability = AddStructure(VirtioCommon.CapabilityPciAccess, 0, 0, 0);
        msix = AddMsix(queues.Length + 1, 0, VirtioPci.TableOffset, 0, VirtioPci.PbaOffset, msi);
        ClearRegisters();
        device.Connect(this);
    }

    /// <summary>The device behind the transport.</summary>
    public VirtioDevice Device => device;

    /// <summary>Feature bits offered to the driver.</summary>
    public ulong OfferedFeatures => offered;

    private bool HasRingReset => (offered & VirtioFeature.RingReset) != 0;

    /// <inheritdoc/>
    public void QueueInterrupt(int queue)
    {
        if (msix.Enabled)
        {
            msix.Send(Volatile.Read(ref queues[queue].Vector));
        }
        else
        {
            Interlocked.Or(ref isr, VirtioCommon.IsrQueue);
        }
    }

    /// <inheritdoc/>
    public void ConfigChanged()
    {
        Interlocked.Increment(ref generation);
        ConfigInterrupt();
    }

    /// <inheritdoc/>
    public void NeedsReset(string reason)
    {
        var before = Interlocked.Or(ref status, VirtioStatus.NeedsReset);
        log.Once($"virtio {Name} needs reset", LogLevel.Warning, $"{Name}: the driver broke the device: {reason}; it does nothing until it is reset");
        if ((before & (VirtioStatus.DriverOk | VirtioStatus.NeedsReset)) == VirtioStatus.DriverOk)
        {
            ConfigInterrupt();
        }
    }

    /// <inheritdoc/>
    public override void Pause() => device.Pause();

    /// <inheritdoc/>
    public override void Resume() => device.Resume();

    /// <inheritdoc/>
    protected override void OnReset()
    {
        lock (gate)
        {
            ResetDevice();
        }
    }

    /// <inheritdoc/>
    protected override void OnRemoved() => OnReset();

    /// <summary>Reads of pci_cfg_data go to BAR 0 (virtio 1.2, 4.1.4.9).</summary>
    protected override void OnConfigRead(int offset, int size)
    {
        if (TryGetWindow(offset, size, out var target, out var length))
        {
            var value = ReadBar(target, length);
            var data = Config.Slice(accessCapability + CapabilityData, 4);
            data.Clear();
            for (var i = 0; i < length; i++)
            {
                data[i] = (byte)(value >> (8 * i));
            }
        }
    }

    /// <summary>Writes of pci_cfg_data go to BAR 0.</summary>
    protected override void OnConfigWritten(int offset, int size)
    {
        if (TryGetWindow(offset, size, out var target, out var length))
        {
            WriteBar(target, length, BinaryPrimitives.ReadUInt32LittleEndian(Config[(accessCapability + CapabilityData)..]));
        }
    }

    private static PciIdentity Identify(VirtioDevice device)
    {
        var id = (ushort)(VirtioPci.DeviceIdBase + device.Type);
        var kind = device.Type switch { VirtioDeviceType.Net => ClassNetwork, VirtioDeviceType.Block => ClassStorage, _ => ClassOther };
        return new PciIdentity(VirtioPci.VendorId, id, kind, VirtioPci.Revision, VirtioPci.VendorId, id);
    }

    /// <summary>Adds a struct virtio_pci_cap, with a trailing word for notification (multiplier) and access (data) capabilities.</summary>
    private int AddStructure(byte type, uint offset, uint length, uint? trailer = null)
    {
        Span<byte> body = stackalloc byte[CapabilityBytes + 4 - 2];
        body.Clear();
        body = body[..(CapabilityBytes - 2 + (trailer is null ? 0 : 4))];
        body[0] = (byte)(body.Length + 2);
        body[1] = type;
        BinaryPrimitives.WriteUInt32LittleEndian(body[(CapabilityOffset - 2)..], offset);
        BinaryPrimitives.WriteUInt32LittleEndian(body[(CapabilityLength - 2)..], length);
        if (trailer is { } word)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(body[(CapabilityBytes - 2)..], word);
        }

        if (type != VirtioCommon.CapabilityPciAccess)
        {
            return AddCapability(0x09, body);
        }

        Span<byte> writable = stackalloc byte[body.Length];
        writable.Clear();
        writable[CapabilityBar - 2] = 0xFF;
        foreach (ref var b in writable[(CapabilityOffset - 2)..])
        {
            b = 0xFF;
        }

        return AddCapability(0x09, body, writable);
    }

    private bool TryGetWindow(int offset, int size, out uint target, out int length)
    {
        target = 0;
        length = 0;
        var data = accessCapability + CapabilityData;
        if (offset >= data + 4 || offset + size <= data)
        {
            return false;
        }

        target = BinaryPrimitives.ReadUInt32LittleEndian(Config[(accessCapability + CapabilityOffset)..]);
        var wanted = BinaryPrimitives.ReadUInt32LittleEndian(Config[(accessCapability + CapabilityLength)..]);
        length = (int)wanted;
        return wanted is 1 or 2 or 4 && Config[accessCapability + CapabilityBar] == 0 && target % wanted == 0 && target < VirtioPci.BarSize;
    }

    private void ConfigInterrupt()
    {
        Interlocked.Or(ref isr, VirtioCommon.IsrConfig);
        msix.Send(Volatile.Read(ref configVector));
    }

    private ulong ReadBar(ulong offset, int size)
    {
        switch (offset)
        {
            case < VirtioPci.IsrOffset:
                return ReadCommon((uint)offset, size);
            case VirtioPci.IsrOffset:
                // Reading acknowledges (4.1.4.5).
                return (uint)Interlocked.Exchange(ref isr, 0);
            case >= VirtioPci.DeviceOffset and < VirtioPci.DeviceOffset + VirtioPci.RegionSize:
                return ReadDeviceConfig((int)(offset - VirtioPci.DeviceOffset), size);
            case >= VirtioPci.TableOffset and < VirtioPci.PbaOffset:
                return msix.ReadTable(offset - VirtioPci.TableOffset, size);
            case >= VirtioPci.PbaOffset:
                return msix.ReadPending(offset - VirtioPci.PbaOffset, size);
            default:
                return 0;
        }
    }

    private void WriteBar(ulong offset, int size, ulong value)
    {
        switch (offset)
        {
            case >= VirtioPci.NotifyOffset and < VirtioPci.NotifyOffset + VirtioPci.RegionSize:
                var queue = (uint)(offset - VirtioPci.NotifyOffset) / VirtioPci.NotifyMultiplier;
                if (queue < (uint)live.Length && Volatile.Read(ref live[queue]) is not null)
                {
                    device.Notify((int)queue);
                }

                break;
            case < VirtioPci.IsrOffset:
                WriteCommon((uint)offset, size, value);
                break;
            case >= VirtioPci.DeviceOffset and < VirtioPci.DeviceOffset + VirtioPci.RegionSize:
                WriteDeviceConfig((int)(offset - VirtioPci.DeviceOffset), size, value);
                break;
            case >= VirtioPci.TableOffset and < VirtioPci.PbaOffset:
                msix.WriteTable(offset - VirtioPci.TableOffset, size, value);
                break;
        }
    }

    private ulong ReadDeviceConfig(int offset, int size)
    {
        if (size is < 1 or > 8)
        {
            return 0;
        }

        Span<byte> data = stackalloc byte[8];
        data.Clear();
        device.ReadConfig(offset, data[..size]);
        return BinaryPrimitives.ReadUInt64LittleEndian(data);
    }

    private void WriteDeviceConfig(int offset, int size, ulong value)
    {
        if (size is >= 1 and <= 8)
        {
            Span<byte> data = stackalloc byte[8];
            BinaryPrimitives.WriteUInt64LittleEndian(data, value);
            device.WriteConfig(offset, data[..size]);
        }
    }

    private sealed class BarWindow(VirtioPciTransport transport) : IMmioDevice
    {
        public ulong Read(ulong offset, int size) => transport.ReadBar(offset, size);

        public void Write(ulong offset, int size, ulong value) => transport.WriteBar(offset, size, value);
    }
}
