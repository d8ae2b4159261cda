// The control connection to a vhost-user back end: requests, replies, and descriptors passed along.
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Emu.Core;
using Emu.Devices.Host;

namespace Emu.Devices.Virtio.VhostUser;

/// <summary>Sends requests one after the other. Every failure is an <see cref="EmuException"/> that names the socket.</summary>
internal sealed unsafe class VhostUserConnection : IDisposable
{
    /// <summary>A back end that does not answer for so long is taken for dead: on a busy host a live one may take seconds.</summary>
    private const int TimeoutMilliseconds = 30_000;

    /// <summary>The same while it opens the files of a saved guest.</summary>
    private const int StateTimeoutMilliseconds = 60_000;

    private readonly string name;
    private readonly string path;
    private readonly Socket socket;
    private readonly ulong protocol;

    /// <summary>Connects and negotiates the protocol.</summary>
    /// <param name="name">Whose connection it is, for messages.</param>
    /// <param name="path">The back end's socket.</param>
    /// <param name="patience">How long a back end that does not listen yet is waited for.</param>
    /// <param name="log">Is told of that.</param>
    /// <exception cref="EmuException">Nobody listens, or the other end does not speak the protocol.</exception>
    public VhostUserConnection(string name, string path, TimeSpan patience, Log log)
    {
        this.name = name;
        this.path = path;
        socket = UnixSockets.Connect(path, name, patience, log);
        try
        {
            Features = Get(VhostUserRequest.GetFeatures);
            Send(VhostUserRequest.SetOwner, default);
            if ((Features & VhostUserProtocol.ProtocolFeatures) == 0 || (Features & VirtioFeature.Version1) == 0)
            {
                throw Failed("offers neither protocol features nor VERSION_1");
            }

            var offered = Get(VhostUserRequest.GetProtocolFeatures);
            protocol = offered & (VhostUserProtocol.MultiQueue | VhostUserProtocol.ReplyAck | VhostUserProtocol.DeviceState);
            Set(VhostUserRequest.SetProtocolFeatures, protocol);
            QueueCount = (protocol & VhostUserProtocol.MultiQueue) != 0 ? (int)Math.Min(Get(VhostUserRequest.GetQueueCount), 1024) : 0;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Feature bits of the back end.</summary>
    public ulong Features { get; }

    /// <summary>Queues that the back end has; 0 when it does not say.</summary>
    public int QueueCount { get; }

    /// <summary>The back end gives its state away and takes it back.</summary>
    public bool HasState => (protocol & VhostUserProtocol.DeviceState) != 0;

    /// <summary>The socket: it has news only when the back end is gone.</summary>
    public int Descriptor => UnixSockets.Descriptor(socket);

    /// <summary>Sends a request without an answer, and waits until it took effect when the back end can say so.</summary>
    /// <param name="request">The request.</param>
    /// <param name="payload">Its data.</param>
    /// <param name="descriptors">Descriptors that go along.</param>
    public void Send(VhostUserRequest request, ReadOnlySpan<byte> payload, ReadOnlySpan<int> descriptors = default)
    {
        var confirm = (protocol & VhostUserProtocol.ReplyAck) != 0;
        Write(request, payload, descriptors, confirm ? VhostUserProtocol.NeedReply : 0);
        if (confirm && ReadReply(request) is var status and not 0)
        {
            throw Failed($"refused {request} ({status})");
        }
    }

    /// <summary>Sends a request with a number.</summary>
    public void Set(VhostUserRequest request, ulong value) => Send(request, MemoryMarshal.AsBytes(new ReadOnlySpan<ulong>(in value)));

    /// <summary>Sends a request about a ring with a number.</summary>
    public void SetRing(VhostUserRequest request, int ring, uint value) => Send(request, RingState(ring, value));

    /// <summary>Gives a ring an eventfd.</summary>
    public void SetRingDescriptor(VhostUserRequest request, int ring, int descriptor)
    {
        var value = (ulong)ring;
        Send(request, MemoryMarshal.AsBytes(new ReadOnlySpan<ulong>(in value)), [descriptor]);
    }

    /// <summary>Stops a ring: the back end takes no request from it any more.</summary>
    /// <returns>Position in the available ring up to which it took requests.</returns>
    public ushort StopRing(int ring)
    {
        Write(VhostUserRequest.GetVringBase, RingState(ring, 0), default, 0);
        return (ushort)(ReadReply(VhostUserRequest.GetVringBase) >> 32);
    }

    /// <summary>Offers the back end a channel for its state.</summary>
    /// <param name="direction">Which way the state goes.</param>
    /// <param name="descriptor">Its end of the channel.</param>
    /// <returns>A channel that the back end prefers, the caller's to close; -1 for the one offered.</returns>
    public int SetStateDescriptor(VhostUserStateDirection direction, int descriptor)
    {
        Span<uint> parameters = [(uint)direction, VhostUserProtocol.PhaseStopped];
        Write(VhostUserRequest.SetDeviceStateDescriptor, MemoryMarshal.AsBytes(parameters), [descriptor], 0);
        var answer = ReadReply(VhostUserRequest.SetDeviceStateDescriptor, out var other, StateTimeoutMilliseconds);
        if ((answer & VhostUserProtocol.StateErrorMask) != 0 || (other < 0 && (answer & VhostUserProtocol.StateNoDescriptor) == 0))
        {
            Close(other);
            throw Failed(direction == VhostUserStateDirection.Save ? "does not give its state away" : "does not take a state");
        }

        if ((answer & VhostUserProtocol.StateNoDescriptor) == 0)
        {
            return other;
        }

        Close(other);
        return -1;
    }

    /// <summary>Asks whether the back end got through with the transfer, which has ended.</summary>
    public void CheckState(VhostUserStateDirection direction)
    {
        Write(VhostUserRequest.CheckDeviceState, default, default, 0);
        var failed = ReadReply(VhostUserRequest.CheckDeviceState, out var descriptor, StateTimeoutMilliseconds) != 0;
        Close(descriptor);
        if (failed)
        {
            throw new EmuException(direction == VhostUserStateDirection.Save
                ? $"{name}: the vhost-user program at '{path}' cannot describe what the guest has open; its own messages say why"
                : $"{name}: the vhost-user program at '{path}' cannot open what the saved guest had open: give it the directory as it was then; its own messages say what is missing");
        }
    }

    /// <inheritdoc/>
    public void Dispose() => socket.Dispose();

    private static byte[] RingState(int ring, uint value)
    {
        var state = new byte[8];
        MemoryMarshal.Write(state, in ring);
        MemoryMarshal.Write(state.AsSpan(4), in value);
        return state;
    }

    private ulong Get(VhostUserRequest request)
    {
        Write(request, default, default, 0);
        return ReadReply(request);
    }

    /// <summary>What to say about a back end that does not do its part.</summary>
    public EmuException Failed(string what) =>
        new($"{name}: the vhost-user program at '{path}' {what}: start one that fits this device");

    private void Write(VhostUserRequest request, ReadOnlySpan<byte> payload, ReadOnlySpan<int> descriptors, uint flags)
    {
        var message = new byte[VhostUserProtocol.HeaderBytes + payload.Length];
        var header = MemoryMarshal.Cast<byte, uint>(message.AsSpan(0, VhostUserProtocol.HeaderBytes));
        (header[0], header[1], header[2]) = ((uint)request, VhostUserProtocol.Version | flags, (uint)payload.Length);
        payload.CopyTo(message.AsSpan(VhostUserProtocol.HeaderBytes));
        if (DescriptorPassing.Send(Descriptor, message, descriptors) != message.Length)
        {
            throw Failed($"does not take requests ({HostCalls.LastError()})");
        }
    }

    private static void Close(int descriptor)
    {
        if (descriptor >= 0)
        {
            _ = HostCalls.close(descriptor);
        }
    }

    private ulong ReadReply(VhostUserRequest request)
    {
        var value = ReadReply(request, out var descriptor);
        Close(descriptor);
        return value;
    }

    /// <summary>Reads an answer, and the descriptor that comes with it or -1.</summary>
    private ulong ReadReply(VhostUserRequest request, out int descriptor, int timeoutMilliseconds = TimeoutMilliseconds)
    {
        Span<byte> message = stackalloc byte[VhostUserProtocol.HeaderBytes + VhostUserProtocol.MaximumReply];
        message.Clear();
        Fill(message[..VhostUserProtocol.HeaderBytes], out descriptor, timeoutMilliseconds);
        var header = MemoryMarshal.Cast<byte, uint>(message[..VhostUserProtocol.HeaderBytes]);
        if (header[0] != (uint)request || (header[1] & VhostUserProtocol.Reply) == 0 || header[2] > VhostUserProtocol.MaximumReply)
        {
            Close(descriptor);
            throw Failed($"answers {request} with nonsense");
        }

        Fill(message.Slice(VhostUserProtocol.HeaderBytes, (int)header[2]), out var second, timeoutMilliseconds);
        Close(second);
        return MemoryMarshal.Read<ulong>(message[VhostUserProtocol.HeaderBytes..]);
    }

    private void Fill(Span<byte> buffer, out int descriptor, int timeoutMilliseconds)
    {
        descriptor = -1;
        while (!buffer.IsEmpty)
        {
            // The socket itself never waits.
            var wait = new HostCalls.PollDescriptor { Descriptor = Descriptor, Events = HostCalls.POLLIN };
            if (HostCalls.poll(&wait, 1, timeoutMilliseconds) == 0)
            {
                throw Failed("does not answer");
            }

            var n = DescriptorPassing.Receive(Descriptor, buffer, out var received);
            if (n > 0)
            {
                descriptor = received >= 0 ? received : descriptor;
                buffer = buffer[n..];
            }
            else if (n == 0 || Marshal.GetLastPInvokeError() is not (HostCalls.EINTR or HostCalls.EAGAIN))
            {
                throw Failed("closed the connection");
            }
        }
    }
}
