// The virtio IOMMU device (virtio 1.2, 5.13): takes the driver's requests and tells it of accesses that were not allowed.
using System.Buffers.Binary;
using Emu.Core;

namespace Emu.Devices.Virtio.Iommu;

/// <summary>
/// The device in front of an <see cref="IommuTable"/>. Requests are carried out inside the notification, for drivers wait for them by turning
/// round. An unmapping holds for everything that a device takes from a queue afterwards; a request that it already works on is finished.
/// </summary>
/// <remarks>Wiring: <c>new VirtioIommu("iommu", table, itsFrame, itsFrame + 0xFFFF)</c> behind a <see cref="VirtioPciTransport"/> of segment 0.</remarks>
public sealed class VirtioIommu : VirtioDevice, IRequestHandler
{
    /// <summary>Device type.</summary>
    public const ushort DeviceType = 23;

    private const ushort QueueSize = 256;
    private const int RequestQueue = 0;
    private const int EventQueue = 1;

    private readonly IommuTable table;
    private readonly ulong messageStart;
    private readonly ulong messageEnd;
    private readonly NotifiedQueue requests;
    private readonly Lock eventGate = new();
    private readonly DescriptorChain eventChain = new();
    private VirtQueue? events;
    private bool paused;

    /// <summary>Creates the device.</summary>
    /// <param name="name">Name for messages and snapshots.</param>
    /// <param name="table">What it fills; no other device does.</param>
    /// <param name="messageStart">First address of the window for MSIs, which pass untranslated.</param>
    /// <param name="messageEnd">Last address of it.</param>
    public VirtioIommu(string name, IommuTable table, ulong messageStart, ulong messageEnd)
        : base(name, DeviceType, QueueSize, QueueSize)
    {
        this.table = table;
        this.messageStart = messageStart;
        this.messageEnd = messageEnd;
        requests = new NotifiedQueue(this);
        table.Faulted = Report;
    }

    /// <inheritdoc/>
    public override ulong DeviceFeatures => IommuFeature.InputRange | IommuFeature.MapUnmap | IommuFeature.Probe | IommuFeature.BypassConfig;

    /// <inheritdoc/>
    public override void ReadConfig(int offset, Span<byte> data)
    {
        Span<byte> config = stackalloc byte[IommuConfig.Bytes];
        config.Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(config[IommuConfig.PageSizeMask..], ulong.MaxValue << IommuTable.PageShift);
        BinaryPrimitives.WriteUInt64LittleEndian(config[IommuConfig.InputEnd..], table.LastAddress);
        BinaryPrimitives.WriteUInt32LittleEndian(config[IommuConfig.DomainEnd..], uint.MaxValue);
        BinaryPrimitives.WriteUInt32LittleEndian(config[IommuConfig.ProbeSize..], IommuMessage.ProbeSize);
        config[IommuConfig.Bypass] = table.Bypass ? (byte)1 : (byte)0;
        if (offset < config.Length)
        {
            config[offset..Math.Min(config.Length, offset + data.Length)].CopyTo(data);
        }
    }

    /// <summary>The driver may write the bypass choice alone.</summary>
    public override void WriteConfig(int offset, ReadOnlySpan<byte> data)
    {
        if (offset <= IommuConfig.Bypass && offset + data.Length > IommuConfig.Bypass && data[IommuConfig.Bypass - offset] is var value and (0 or 1))
        {
            table.Bypass = value == 1;
        }
    }

    /// <inheritdoc/>
    public override void Activate(VirtQueue?[] queues, ulong features)
    {
        lock (eventGate)
        {
            events = queues[EventQueue];
        }

        requests.Start(queues[RequestQueue]);
    }

    /// <summary>Requests are served; buffers for events wait in their ring until something happens.</summary>
    public override void Notify(int queue)
    {
        if (queue == RequestQueue)
        {
            requests.Serve();
        }
    }

    /// <inheritdoc/>
    public override void Reset()
    {
        requests.Stop();
        lock (eventGate)
        {
            events = null;
        }

        table.Detach();
    }

    /// <inheritdoc/>
    public override void Pause()
    {
        requests.Pause();
        lock (eventGate)
        {
            paused = true;
        }
    }

    /// <inheritdoc/>
    public override void Resume()
    {
        lock (eventGate)
        {
            paused = false;
        }

        requests.Resume();
    }

    uint IRequestHandler.Handle(DescriptorChain chain)
    {
        Span<byte> request = stackalloc byte[IommuMessage.ProbeBytes];
        Span<byte> properties = stackalloc byte[IommuMessage.ProbeSize];
        request.Clear();
        properties.Clear();
        var length = chain.Read(0, request);
        if (length < IommuMessage.HeadBytes || chain.WritableLength < IommuMessage.TailBytes)
        {
            return 0;
        }

        // A request's tail ends it, behind properties where it has some.
        var type = (IommuRequestType)request[0];
        var before = type == IommuRequestType.Probe ? IommuMessage.ProbeSize : 0;
        if (chain.WritableLength < (ulong)(before + IommuMessage.TailBytes))
        {
            before = 0;
            type = default;
        }

        var status = Carry(type, request[..length], properties);
        Span<byte> tail = [(byte)status, 0, 0, 0];
        return (uint)(chain.Write(0, properties[..before]) + chain.Write((ulong)before, tail));
    }

    private IommuStatus Carry(IommuRequestType type, ReadOnlySpan<byte> request, Span<byte> properties)
    {
        var needed = type switch
        {
            IommuRequestType.Attach => IommuMessage.AttachBytes,
            IommuRequestType.Detach => IommuMessage.DetachBytes,
            IommuRequestType.Map => IommuMessage.MapBytes,
            IommuRequestType.Unmap => IommuMessage.UnmapBytes,
            IommuRequestType.Probe => IommuMessage.ProbeBytes,
            _ => 0,
        };
        if (needed == 0)
        {
            return IommuStatus.Unsupported;
        }

        if (request.Length < needed)
        {
            return IommuStatus.Invalid;
        }

        var domain = U32(request, IommuMessage.Domain);
        switch (type)
        {
            case IommuRequestType.Attach:
                var flags = U32(request, IommuMessage.AttachFlags);
                return (flags & ~IommuMessage.AttachBypass) != 0 || U32(request, IommuMessage.AttachReserved) != 0
                    ? IommuStatus.Invalid
                    : table.Attach(domain, U32(request, IommuMessage.Endpoint), (flags & IommuMessage.AttachBypass) != 0);
            case IommuRequestType.Detach:
                return U64(request, IommuMessage.DetachReserved) != 0 ? IommuStatus.Invalid : table.Detach(domain, U32(request, IommuMessage.Endpoint));
            case IommuRequestType.Map:
                return Map(domain, request);
            case IommuRequestType.Unmap:
                return table.Unmap(domain, U64(request, IommuMessage.VirtualStart), U64(request, IommuMessage.VirtualEnd));
            default:
                return Probe(U32(request, IommuMessage.ProbeEndpoint), properties);
        }
    }

    private IommuStatus Map(uint domain, ReadOnlySpan<byte> request)
    {
        var access = (IommuAccess)U32(request, IommuMessage.MapFlags);
        var mapping = new IommuMapping(
            U64(request, IommuMessage.VirtualStart), U64(request, IommuMessage.VirtualEnd), U64(request, IommuMessage.PhysicalStart), access);

        // The window for MSIs is reserved (5.13.6.7.1).
        return (access & ~IommuAccess.All) != 0 || (mapping.Start <= messageEnd && mapping.End >= messageStart)
            ? IommuStatus.Invalid
            : table.Map(domain, mapping);
    }

    private IommuStatus Probe(uint endpoint, Span<byte> properties)
    {
        if (!table.Exists(endpoint))
        {
            return IommuStatus.NoEntry;
        }

        BinaryPrimitives.WriteUInt16LittleEndian(properties, IommuMessage.ReservedMemoryType);
        BinaryPrimitives.WriteUInt16LittleEndian(properties[2..], IommuMessage.ReservedMemoryLength);
        properties[4] = IommuMessage.ReservedForMsi;
        BinaryPrimitives.WriteUInt64LittleEndian(properties[8..], messageStart);
        BinaryPrimitives.WriteUInt64LittleEndian(properties[16..], messageEnd);
        return IommuStatus.Ok;
    }

    /// <summary>Tells the driver of a fault, if it gave a buffer to tell it in; else the fault is forgotten (5.13.6.9).</summary>
    private void Report(IommuFault fault)
    {
        Span<byte> bytes = stackalloc byte[IommuMessage.FaultBytes];
        bytes.Clear();
        bytes[0] = fault.HasDomain ? IommuMessage.FaultOfMapping : IommuMessage.FaultOfDomain;
        var flags = (fault.ForWrite ? IommuMessage.FaultWrite : IommuMessage.FaultRead) | IommuMessage.FaultHasAddress;
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[IommuMessage.FaultFlags..], flags);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[IommuMessage.FaultEndpoint..], fault.Endpoint);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[IommuMessage.FaultAddress..], fault.Address);
        lock (eventGate)
        {
            if (!paused && events is { } queue && queue.TryPop(eventChain))
            {
                queue.Push(eventChain, (uint)eventChain.Write(0, bytes));
                queue.Signal();
            }
        }
    }

    private static uint U32(ReadOnlySpan<byte> request, int offset) => BinaryPrimitives.ReadUInt32LittleEndian(request[offset..]);

    private static ulong U64(ReadOnlySpan<byte> request, int offset) => BinaryPrimitives.ReadUInt64LittleEndian(request[offset..]);
}
