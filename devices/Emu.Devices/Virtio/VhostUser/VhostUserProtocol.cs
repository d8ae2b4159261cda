// Messages of the vhost-user protocol (QEMU's interop document "vhost-user") that a front end sends.
using System.Runtime.InteropServices;

namespace Emu.Devices.Virtio.VhostUser;

/// <summary>Requests of the front end.</summary>
internal enum VhostUserRequest : uint
{
    GetFeatures = 1,
    SetFeatures = 2,
    SetOwner = 3,
    SetMemoryTable = 5,
    SetVringSize = 8,
    SetVringAddress = 9,
    SetVringBase = 10,
    GetVringBase = 11,
    SetVringKick = 12,
    SetVringCall = 13,
    GetProtocolFeatures = 15,
    SetProtocolFeatures = 16,
    GetQueueCount = 17,
    SetVringEnable = 18,
    SetDeviceStateDescriptor = 42,
    CheckDeviceState = 43,
}

/// <summary>Where a back end's state goes (device state transfer parameters, direction).</summary>
internal enum VhostUserStateDirection : uint
{
    /// <summary>From the back end.</summary>
    Save = 0,

    /// <summary>To the back end.</summary>
    Load = 1,
}

/// <summary>Numbers of the protocol.</summary>
internal static class VhostUserProtocol
{
    /// <summary>Protocol version 1, in the flags of each message.</summary>
    public const uint Version = 1;

    /// <summary>Flag: the message is a reply.</summary>
    public const uint Reply = 1 << 2;

    /// <summary>Flag: the message wants a reply that says whether it succeeded.</summary>
    public const uint NeedReply = 1 << 3;

    /// <summary>Feature bit: protocol features can be negotiated.</summary>
    public const ulong ProtocolFeatures = 1UL << 30;

    /// <summary>Protocol feature: more than one queue.</summary>
    public const ulong MultiQueue = 1UL << 0;

    /// <summary>Protocol feature: <see cref="NeedReply"/> is understood.</summary>
    public const ulong ReplyAck = 1UL << 3;

    /// <summary>Protocol feature: the back end gives its state away and takes it back.</summary>
    public const ulong DeviceState = 1UL << 19;

    /// <summary>Phase of a state transfer: the device and its rings are stopped.</summary>
    public const uint PhaseStopped = 0;

    /// <summary>Of the answer to SET_DEVICE_STATE_FD: nonzero for a failure.</summary>
    public const ulong StateErrorMask = 0xFF;

    /// <summary>Of the answer to SET_DEVICE_STATE_FD: no descriptor comes along.</summary>
    public const ulong StateNoDescriptor = 1 << 8;

    /// <summary>Most memory regions that every back end takes.</summary>
    public const int MaximumRegions = 8;

    /// <summary>Bytes of a message's header.</summary>
    public const int HeaderBytes = 12;

    /// <summary>Largest reply that any request here has.</summary>
    public const int MaximumReply = 16;
}

/// <summary>A memory region of SET_MEM_TABLE.</summary>
/// <param name="GuestAddress">Guest-physical address.</param>
/// <param name="Size">Bytes.</param>
/// <param name="UserAddress">Where the front end has it: ring addresses are given in these terms.</param>
/// <param name="Offset">Where it begins in its descriptor.</param>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct VhostUserRegion(ulong GuestAddress, ulong Size, ulong UserAddress, ulong Offset);

/// <summary>Addresses of a ring for SET_VRING_ADDR.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct VhostUserRingAddress(uint Index, uint Flags, ulong Descriptors, ulong Used, ulong Available, ulong Log);
