// The virtio real-time clock device (virtio 1.4, "RTC Device"): one UTC clock, read by request.
using System.Buffers.Binary;
using Emu.Core;

namespace Emu.Devices.Virtio.Rtc;

/// <summary>The machine's date as a request and response protocol. No alarms, no readings together with a counter.</summary>
/// <remarks>Wiring: <c>new VirtioRtc("rtc", clock)</c> behind a <see cref="VirtioPciTransport"/>.</remarks>
public sealed class VirtioRtc : VirtioDevice, IRequestHandler
{
    /// <summary>Device type.</summary>
    public const ushort DeviceType = 17;

    private const ushort QueueSize = 256;
    private const ulong NanosecondsPerSecond = 1_000_000_000;

    private readonly Clock clock;
    private readonly NotifiedQueue requests;

    /// <summary>Creates the device.</summary>
    /// <param name="name">Name for messages and snapshots.</param>
    /// <param name="clock">Machine time.</param>
    public VirtioRtc(string name, Clock clock)
        : base(name, DeviceType, QueueSize)
    {
        this.clock = clock;
        requests = new NotifiedQueue(this);
    }

    /// <inheritdoc/>
    public override ulong DeviceFeatures => 0;

    /// <inheritdoc/>
    public override void Activate(VirtQueue?[] queues, ulong features) => requests.Start(queues[0]);

    /// <inheritdoc/>
    public override void Notify(int queue) => requests.Serve();

    /// <inheritdoc/>
    public override void Reset() => requests.Stop();

    /// <inheritdoc/>
    public override void Pause() => requests.Pause();

    /// <inheritdoc/>
    public override void Resume() => requests.Resume();

    uint IRequestHandler.Handle(DescriptorChain chain)
    {
        Span<byte> request = stackalloc byte[RtcMessage.FullBytes];
        Span<byte> response = stackalloc byte[RtcMessage.FullBytes];
        request.Clear();
        response.Clear();
        var length = chain.Read(0, request);
        if (length < RtcMessage.HeadBytes || chain.WritableLength < RtcMessage.HeadBytes)
        {
            return 0;
        }

        var size = Answer(request[..length], response, out var status);
        if (chain.WritableLength < (ulong)size)
        {
            (status, size) = (RtcStatus.Invalid, RtcMessage.HeadBytes);
        }

        response[0] = (byte)status;
        return (uint)chain.Write(0, response[..size]);
    }

    /// <summary>Fills the body of a response.</summary>
    /// <returns>Bytes of the response.</returns>
    private int Answer(ReadOnlySpan<byte> request, Span<byte> response, out RtcStatus status)
    {
        var type = (RtcRequest)BinaryPrimitives.ReadUInt16LittleEndian(request);
        var body = response[RtcMessage.HeadBytes..];
        status = RtcStatus.Ok;
        if (type == RtcRequest.Configuration)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(body, 1);
            return RtcMessage.FullBytes;
        }

        if (type is not (RtcRequest.Read or RtcRequest.ClockCapability or RtcRequest.CrossCapability))
        {
            status = RtcStatus.NotSupported;
            return RtcMessage.HeadBytes;
        }

        if (request.Length < RtcMessage.FullBytes)
        {
            status = RtcStatus.Invalid;
            return RtcMessage.HeadBytes;
        }

        if (BinaryPrimitives.ReadUInt16LittleEndian(request[RtcMessage.HeadBytes..]) != 0)
        {
            status = RtcStatus.NoDevice;
        }
        else if (type == RtcRequest.Read)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(body, ((ulong)clock.EpochSeconds * NanosecondsPerSecond) + clock.Now);
        }
        else if (type == RtcRequest.ClockCapability)
        {
            body[0] = RtcMessage.UtcMaybeSmeared;
        }

        return RtcMessage.FullBytes;
    }
}
