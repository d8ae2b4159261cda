// The packet header of virtio-vsock and its numbers (virtio 1.2, 5.10.6).
using System.Runtime.InteropServices;

namespace Emu.Devices.Virtio.Vsock;

/// <summary>Operations.</summary>
internal enum VsockOperation : ushort
{
    /// <summary>Opens a connection.</summary>
    Request = 1,

    /// <summary>Accepts one.</summary>
    Response = 2,

    /// <summary>Ends one, or refuses one.</summary>
    Reset = 3,

    /// <summary>Announces that nothing more will be sent or received.</summary>
    Shutdown = 4,

    /// <summary>Data.</summary>
    ReadWrite = 5,

    /// <summary>Tells how much room there is.</summary>
    CreditUpdate = 6,

    /// <summary>Asks for that.</summary>
    CreditRequest = 7,
}

/// <summary>struct virtio_vsock_hdr, little-endian on the wire as in memory.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal struct VsockHeader
{
    /// <summary>Bytes of the header.</summary>
    public const int Bytes = 44;

    /// <summary>Type: a stream of bytes.</summary>
    public const ushort TypeStream = 1;

    /// <summary>Shutdown flag: the sender receives no more.</summary>
    public const uint ShutdownReceive = 1;

    /// <summary>Shutdown flag: the sender sends no more.</summary>
    public const uint ShutdownSend = 2;

    /// <summary>Both.</summary>
    public const uint ShutdownBoth = ShutdownReceive | ShutdownSend;

    /// <summary>The host's context ID.</summary>
    public const ulong HostCid = 2;

    public ulong SourceCid;
    public ulong DestinationCid;
    public uint SourcePort;
    public uint DestinationPort;
    public uint Length;
    public ushort Type;
    public VsockOperation Operation;
    public uint Flags;
    public uint BufferSize;
    public uint Forwarded;
}
