// Numbers of the virtio real-time clock device (virtio 1.4, "RTC Device"): message types, status, clock types and sizes.
namespace Emu.Devices.Virtio.Rtc;

/// <summary>msg_type of a request.</summary>
internal enum RtcRequest : ushort
{
    /// <summary>The reading of a clock.</summary>
    Read = 0x0001,

    /// <summary>How many clocks there are.</summary>
    Configuration = 0x1000,

    /// <summary>What a clock is.</summary>
    ClockCapability = 0x1001,

    /// <summary>Whether a clock can be read together with a hardware counter.</summary>
    CrossCapability = 0x1002,
}

/// <summary>status of a response.</summary>
internal enum RtcStatus : byte
{
    Ok = 0,
    NotSupported = 2,
    NoDevice = 3,
    Invalid = 4,
}

/// <summary>Layout of messages.</summary>
internal static class RtcMessage
{
    /// <summary>Bytes of the head of a request (msg_type) and of a response (status).</summary>
    public const int HeadBytes = 8;

    /// <summary>Bytes of a request with a body (clock_id at <see cref="HeadBytes"/>) and of every full response.</summary>
    public const int FullBytes = 16;

    /// <summary>Clock type: UTC as the host has it, which may smear leap seconds.</summary>
    public const byte UtcMaybeSmeared = 4;
}
