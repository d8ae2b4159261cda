// Offsets and fields of PCI configuration space (PCI Local Bus 3.0, chapter 6; PCI Express Base 7.5), each with what software uses it for.
namespace Emu.Devices.Pci;

/// <summary>The type 0 configuration header and the two capabilities the machine's devices have.</summary>
internal static class PciRegister
{
    /// <summary>Bytes of a function's configuration space, extended part included.</summary>
    public const int ConfigSize = 0x1000;

    /// <summary>Bytes of the part that capabilities of the first list live in.</summary>
    public const int LegacyConfigSize = 0x100;

    /// <summary>Vendor ID; all-ones says that no device is there.</summary>
    public const int VendorId = 0x00;

    /// <summary>Device ID.</summary>
    public const int DeviceId = 0x02;

    /// <summary>Command: decode enables, bus master enable.</summary>
    public const int Command = 0x04;

    /// <summary>Status; only the capability list bit is ever set.</summary>
    public const int Status = 0x06;

    /// <summary>Revision ID.</summary>
    public const int RevisionId = 0x08;

    /// <summary>Class code: programming interface, subclass, base class.</summary>
    public const int ClassCode = 0x09;

    /// <summary>Cache line size: kept for software, without effect.</summary>
    public const int CacheLineSize = 0x0C;

    /// <summary>First of six base address registers.</summary>
    public const int Bar0 = 0x10;

    /// <summary>One past the last base address register.</summary>
    public const int BarEnd = 0x28;

    /// <summary>Subsystem vendor ID; virtio drivers show it.</summary>
    public const int SubsystemVendorId = 0x2C;

    /// <summary>Subsystem ID.</summary>
    public const int SubsystemId = 0x2E;

    /// <summary>Offset of the first capability.</summary>
    public const int CapabilityPointer = 0x34;

    /// <summary>Interrupt line: a scratch byte for firmware.</summary>
    public const int InterruptLine = 0x3C;

    /// <summary>First byte behind the header, where capabilities begin.</summary>
    public const int HeaderEnd = 0x40;

    /// <summary>Command.I/O Space: I/O BARs decode.</summary>
    public const ushort CommandIo = 1 << 0;

    /// <summary>Command.Memory Space: memory BARs decode.</summary>
    public const ushort CommandMemory = 1 << 1;

    /// <summary>The writable bits of Command: I/O, memory, bus master, parity response, SERR#, interrupt disable.</summary>
    public const ushort CommandWritable = 0x0547;

    /// <summary>Status.Capabilities List.</summary>
    public const ushort StatusCapabilityList = 1 << 4;

    /// <summary>BAR bit 0: I/O space.</summary>
    public const uint BarIo = 1u << 0;

    /// <summary>BAR type field: 64-bit memory.</summary>
    public const uint Bar64Bit = 2u << 1;

    /// <summary>BAR bit 3: prefetchable.</summary>
    public const uint BarPrefetchable = 1u << 3;

    /// <summary>Capability ID of a vendor-specific capability (virtio's structures).</summary>
    public const byte CapabilityVendor = 0x09;

    /// <summary>Capability ID of MSI-X.</summary>
    public const byte CapabilityMsix = 0x11;

    /// <summary>MSI-X Message Control, from the start of the capability.</summary>
    public const int MsixControl = 2;

    /// <summary>Message Control.Function Mask: every vector is masked.</summary>
    public const ushort MsixFunctionMask = 1 << 14;

    /// <summary>Message Control.MSI-X Enable.</summary>
    public const ushort MsixEnable = 1 << 15;
}

/// <summary>What identifies a function.</summary>
/// <param name="Vendor">Vendor ID.</param>
/// <param name="Device">Device ID.</param>
/// <param name="Class">Class code: base class [23:16], subclass [15:8], programming interface [7:0].</param>
/// <param name="Revision">Revision ID.</param>
/// <param name="SubsystemVendor">Subsystem vendor ID.</param>
/// <param name="Subsystem">Subsystem ID.</param>
public readonly record struct PciIdentity(ushort Vendor, ushort Device, uint Class, byte Revision = 0, ushort SubsystemVendor = 0, ushort Subsystem = 0);

/// <summary>The kind of a base address register.</summary>
public enum PciBarKind
{
    /// <summary>32-bit memory.</summary>
    Memory32,

    /// <summary>64-bit memory; takes two registers.</summary>
    Memory64,

    /// <summary>I/O space.</summary>
    Io,
}
