// Registers and well-known items of QEMU's firmware configuration device (QEMU docs/specs/fw_cfg.rst).
namespace Emu.Devices.Firmware;

/// <summary>Offsets in the window.</summary>
internal static class FwCfgRegister
{
    /// <summary>Read: the next bytes of the selected item, in the order they lie in memory.</summary>
    public const ulong Data = 0;

    /// <summary>Write, 16 bits, big-endian: selects an item.</summary>
    public const ulong Selector = 8;

    /// <summary>Write, 64 bits, big-endian, or two halves of which the second counts: the address of a <see cref="FwCfgDma"/> request. Read: "QEMU CFG".</summary>
    public const ulong Dma = 0x10;

    /// <summary>The low half of <see cref="Dma"/>.</summary>
    public const ulong DmaLow = 0x14;

    /// <summary>One past the last register.</summary>
    public const ulong End = 0x18;
}

/// <summary>The control word of a DMA request: 32 bits, big-endian, in front of a length (32 bits) and an address (64 bits).</summary>
[Flags]
internal enum FwCfgDma : uint
{
    /// <summary>Done.</summary>
    None = 0,

    /// <summary>The device's answer: failed.</summary>
    Error = 1 << 0,

    /// <summary>Copies from the item into memory; zeroes behind its end.</summary>
    Read = 1 << 1,

    /// <summary>Moves on in the item.</summary>
    Skip = 1 << 2,

    /// <summary>First selects the item in the upper half of the word.</summary>
    Select = 1 << 3,

    /// <summary>Copies into the item. None of this device takes it.</summary>
    Write = 1 << 4,
}

/// <summary>Numbers of items that are no files.</summary>
public static class FwCfgItem
{
    /// <summary>"QEMU".</summary>
    public const ushort Signature = 0x00;

    /// <summary>What the device can: bit 0 items, bit 1 DMA.</summary>
    public const ushort Id = 0x01;

    /// <summary>vCPUs, 16 bits.</summary>
    public const ushort CpuCount = 0x05;

    /// <summary>Bytes of the kernel, 32 bits.</summary>
    public const ushort KernelSize = 0x08;

    /// <summary>Bytes of the initramfs, 32 bits.</summary>
    public const ushort InitrdSize = 0x0B;

    /// <summary>The kernel.</summary>
    public const ushort KernelData = 0x11;

    /// <summary>The initramfs.</summary>
    public const ushort InitrdData = 0x12;

    /// <summary>Bytes of the command line with its NUL, 32 bits.</summary>
    public const ushort CommandLineSize = 0x14;

    /// <summary>The command line.</summary>
    public const ushort CommandLineData = 0x15;

    /// <summary>The directory of the files.</summary>
    public const ushort FileDirectory = 0x19;

    /// <summary>The first file.</summary>
    public const ushort FirstFile = 0x20;
}
