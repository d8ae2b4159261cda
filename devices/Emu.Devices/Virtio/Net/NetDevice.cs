// The virtio network card (device type 1; virtio 1.2, 5.1): identity, configuration and life; frames and commands are in the files beside.
using System.Buffers.Binary;
using Emu.Core;
using Emu.Devices.Net;

namespace Emu.Devices.Virtio.Net;

/// <summary>
/// A network card on a back end. All queues are worked on by the back end's loop, with its gate held: a thread in host time, the machine's
/// thread in deterministic mode.
/// </summary>
/// <remarks>
/// Wiring: <c>var backend = NetBackends.Create(backendOptions, clock, post, log); var card = new NetDevice(options, backend, log);</c>, then behind
/// a <see cref="VirtioPciTransport"/> like any other device. <c>post</c> is <c>HostInputQueue.Post</c> in deterministic mode, else null. The card
/// owns the back end: dispose the card when the machine ends, after its vCPUs were joined.
/// </remarks>
public sealed partial class NetDevice : VirtioDevice, INetPort, IDisposable
{
    private const byte SnapshotVersion = 1;
    private const ushort ControlQueueSize = 64;

    private readonly NetOptions options;
    private readonly INetBackend backend;
    private readonly Log log;
    private readonly ReceiveFilter filter = new();
    private readonly FlowTable flows = new();
    private readonly ulong deviceFeatures;

    // Null before activation. Guarded by the back end's gate, as is all that follows.
    private VirtQueue?[] queues = [];
    private ulong features;
    private int activePairs = 1;
    private NetOffload hostOffloads;
    private NetOffload guestOffloads;
    private bool announceOnResume;

    // Read by the driver without the gate.
    private ulong mac;
    private int announce;

    /// <summary>Puts a card on a back end, which it owns from now on.</summary>
    /// <param name="options">Its configuration.</param>
    /// <param name="backend">The host's side.</param>
    /// <param name="log">Receives what drivers do wrong, once.</param>
    /// <exception cref="EmuException">A number is out of range.</exception>
    public NetDevice(NetOptions options, INetBackend backend, Log log)
        : base(options.Name, VirtioDeviceType.Net, QueueSizesOf(options))
    {
        this.options = options;
        this.backend = backend;
        this.log = log;
        mac = options.Mac.Value;
        deviceFeatures = Offer();
        backend.Attach(this);
        backend.LinkChanged += OnLinkChanged;
    }

    /// <inheritdoc/>
    public override ulong DeviceFeatures => deviceFeatures;

    /// <inheritdoc/>
    public override ulong RingFeatures => base.RingFeatures | VirtioFeature.RingReset;

    private int MaximumPairs => options.QueueCount / 2;

    private bool IsActive => queues.Length != 0;

    private bool Has(ulong feature) => (features & feature) != 0;

    /// <inheritdoc/>
    public override bool AcceptsFeatures(ulong features)
    {
        // What needs what (5.1.3.1).
        var control = (features & VirtioNetFeature.CtrlVq) != 0;
        var needControl = VirtioNetFeature.CtrlRx | VirtioNetFeature.CtrlVlan | VirtioNetFeature.GuestAnnounce | VirtioNetFeature.MultiQueue | VirtioNetFeature.CtrlMacAddress;
        var needGuestCsum = VirtioNetFeature.GuestTso4 | VirtioNetFeature.GuestTso6 | VirtioNetFeature.GuestUfo;
        var needCsum = VirtioNetFeature.HostTso4 | VirtioNetFeature.HostTso6 | VirtioNetFeature.HostUfo;
        return (control || (features & needControl) == 0)
            && ((features & VirtioNetFeature.GuestCsum) != 0 || (features & needGuestCsum) == 0)
            && ((features & VirtioNetFeature.Csum) != 0 || (features & needCsum) == 0);
    }

    /// <inheritdoc/>
    public override void ReadConfig(int offset, Span<byte> data)
    {
        Span<byte> config = stackalloc byte[VirtioNetConfig.Size];
        config.Clear();
        new MacAddress(Volatile.Read(ref mac)).Write(config);
        var status = (backend.LinkUp ? VirtioNetConfig.LinkUp : 0) | (Volatile.Read(ref announce) != 0 ? VirtioNetConfig.Announce : 0);
        BinaryPrimitives.WriteUInt16LittleEndian(config[VirtioNetConfig.Status..], (ushort)status);
        BinaryPrimitives.WriteUInt16LittleEndian(config[VirtioNetConfig.MaximumPairs..], (ushort)MaximumPairs);
        BinaryPrimitives.WriteUInt16LittleEndian(config[VirtioNetConfig.Mtu..], (ushort)options.Mtu);
        if (offset < config.Length)
        {
            var count = Math.Min(data.Length, config.Length - offset);
            config.Slice(offset, count).CopyTo(data);
        }
    }

    /// <inheritdoc/>
    public override void Activate(VirtQueue?[] queues, ulong features)
    {
        lock (backend.Gate)
        {
            this.queues = queues;
            this.features = features;
            SetActivePairs(1);
            hostOffloads = HostOffloads(features);
            filter.Reset((features & VirtioNetFeature.CtrlVlan) != 0);
            SetGuestOffloads(GuestOffloadsOf(features));
        }

        backend.Start();
    }

    /// <inheritdoc/>
    public override void Reset()
    {
        lock (backend.Gate)
        {
            queues = [];
            features = 0;
            SetActivePairs(1);
            flows.Clear();
            transmitSegments.Clear();
            receiveSegments.Clear();
            announceOnResume = false;
            Volatile.Write(ref announce, 0);
            Volatile.Write(ref mac, options.Mac.Value);
            SetGuestOffloads(NetOffload.None);
        }
    }

    /// <inheritdoc/>
    public override void ResetQueue(int queue)
    {
        lock (backend.Gate)
        {
            queues[queue] = null;
        }
    }

    /// <inheritdoc/>
    public override void EnableQueue(VirtQueue queue)
    {
        lock (backend.Gate)
        {
            queues[queue.Index] = queue;
        }
    }

    /// <inheritdoc/>
    public override void Notify(int queue) => backend.Kick();

    /// <inheritdoc/>
    public override void Pause() => backend.Pause();

    /// <inheritdoc/>
    public override void Resume()
    {
        lock (backend.Gate)
        {
            if (announceOnResume)
            {
                announceOnResume = false;
                Announce();
            }
        }

        backend.Resume();
    }

    /// <summary>Asks the driver to announce the card to its network, when it can (5.1.6.5.4).</summary>
    public void Announce()
    {
        if (IsActive && Has(VirtioNetFeature.GuestAnnounce))
        {
            Volatile.Write(ref announce, 1);
            Transport.ConfigChanged();
        }
    }

    /// <inheritdoc/>
    public override void Save(SnapshotWriter writer)
    {
        lock (backend.Gate)
        {
            writer.U8(SnapshotVersion);
            writer.U64(mac);
            writer.Bool(announce != 0);
            writer.U8((byte)activePairs);
            writer.U8((byte)guestOffloads);
            filter.Save(writer);
            writer.Bytes(flows.State);
            transmitSegments.Save(writer);
            receiveSegments.Save(writer);
            backend.Save(writer);
        }
    }

    /// <inheritdoc/>
    public override void Restore(SnapshotReader reader)
    {
        lock (backend.Gate)
        {
            reader.Version(SnapshotVersion, Name);
            Volatile.Write(ref mac, reader.U64());
            Volatile.Write(ref announce, reader.Bool() ? 1 : 0);
            var pairs = reader.U8();
            var offloads = (NetOffload)reader.U8();
            if (pairs < 1 || pairs > MaximumPairs || (offloads & ~GuestOffloadsOf(features)) != 0)
            {
                throw new InvalidDataException($"snapshot: {Name}: {pairs} queue pairs with offloads {(int)offloads}, expected at most {MaximumPairs} with those negotiated");
            }

            SetActivePairs(pairs);
            SetGuestOffloads(offloads);
            filter.Restore(reader);
            var state = reader.Bytes(flows.State.Length);
            state.CopyTo(flows.State);
            transmitSegments.Restore(reader);
            receiveSegments.Restore(reader);
            backend.Restore(reader);

            // The network elsewhere does not know that the card moved. A deterministic machine goes on as if nothing had happened.
            announceOnResume = !backend.IsDeterministic;
        }
    }

    /// <summary>Ends the back end.</summary>
    public void Dispose() => backend.Dispose();

    private static ushort[] QueueSizesOf(NetOptions options)
    {
        options.Validate();
        return [.. Enumerable.Repeat(options.QueueSize, options.QueueCount), ControlQueueSize];
    }

    private static NetOffload HostOffloads(ulong features)
    {
        var result = (features & VirtioNetFeature.Csum) != 0 ? NetOffload.Checksum : NetOffload.None;
        result |= (features & VirtioNetFeature.HostTso4) != 0 ? NetOffload.Tso4 : 0;
        result |= (features & VirtioNetFeature.HostTso6) != 0 ? NetOffload.Tso6 : 0;
        result |= (features & VirtioNetFeature.HostEcn) != 0 ? NetOffload.Ecn : 0;
        return result | ((features & VirtioNetFeature.HostUfo) != 0 ? NetOffload.Ufo : 0);
    }

    private static NetOffload GuestOffloadsOf(ulong features)
    {
        var result = (features & VirtioNetFeature.GuestCsum) != 0 ? NetOffload.Checksum : NetOffload.None;
        result |= (features & VirtioNetFeature.GuestTso4) != 0 ? NetOffload.Tso4 : 0;
        result |= (features & VirtioNetFeature.GuestTso6) != 0 ? NetOffload.Tso6 : 0;
        result |= (features & VirtioNetFeature.GuestEcn) != 0 ? NetOffload.Ecn : 0;
        return result | ((features & VirtioNetFeature.GuestUfo) != 0 ? NetOffload.Ufo : 0);
    }

    /// <summary>What the back end cannot do for the guest's frames is done here; what it never gives is not offered.</summary>
    private ulong Offer()
    {
        var offer = VirtioNetFeature.Mac | VirtioNetFeature.Mtu | VirtioNetFeature.Status | VirtioNetFeature.MergeableBuffers
            | VirtioNetFeature.CtrlVq | VirtioNetFeature.CtrlRx | VirtioNetFeature.CtrlRxExtra | VirtioNetFeature.CtrlVlan
            | VirtioNetFeature.CtrlMacAddress | VirtioNetFeature.GuestAnnounce;
        offer |= MaximumPairs > 1 ? VirtioNetFeature.MultiQueue : 0;
        if (!options.OffloadChecksum)
        {
            return offer;
        }

        offer |= VirtioNetFeature.Csum | VirtioNetFeature.GuestCsum | VirtioNetFeature.CtrlGuestOffloads;
        if (options.OffloadTso)
        {
            offer |= VirtioNetFeature.HostTso4 | VirtioNetFeature.HostTso6 | VirtioNetFeature.HostEcn;
            offer |= (backend.Gives & NetOffload.Tso4) != 0 ? VirtioNetFeature.GuestTso4 : 0;
            offer |= (backend.Gives & NetOffload.Tso6) != 0 ? VirtioNetFeature.GuestTso6 : 0;
            offer |= (backend.Gives & NetOffload.Ecn) != 0 ? VirtioNetFeature.GuestEcn : 0;
        }

        if (options.OffloadUfo)
        {
            offer |= VirtioNetFeature.HostUfo;
            offer |= (backend.Gives & NetOffload.Ufo) != 0 ? VirtioNetFeature.GuestUfo : 0;
        }

        return offer;
    }

    private void SetGuestOffloads(NetOffload offloads)
    {
        guestOffloads = offloads;
        backend.SetGuestOffloads(offloads & backend.Gives, options.Mtu);
    }

    private void SetActivePairs(int pairs)
    {
        activePairs = pairs;
        backend.SetQueues(pairs);
    }

    private void OnLinkChanged()
    {
        if (IsActive && Has(VirtioNetFeature.Status))
        {
            Transport.ConfigChanged();
        }
    }
}
