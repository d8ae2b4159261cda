// Resource descriptors of _CRS objects (ACPI 6.3, 6.4), as bytes of a resource template.
using System.Buffers.Binary;
using Emu.Machine.Boards;

namespace Emu.Machine.Firmware.Acpi;

/// <summary>Descriptors, and the template around them.</summary>
public static class AmlResource
{
    private const byte EndTag = 0x79;
    private const byte Memory32FixedTag = 0x86;
    private const byte DWordAddressTag = 0x87;
    private const byte WordAddressTag = 0x88;
    private const byte ExtendedInterruptTag = 0x89;
    private const byte QWordAddressTag = 0x8A;

    private const byte MemoryRange = 0;
    private const byte BusNumberRange = 2;

    /// <summary>Address space descriptor, general flags: both ends of the range are fixed.</summary>
    private const byte MinimumAndMaximumFixed = 0x0C;

    /// <summary>Address space and interrupt descriptors: the device uses the resource itself, it does not pass it on.</summary>
    private const byte Consumer = 1;

    /// <summary>Memory: read and write.</summary>
    private const byte ReadWrite = 1;

    /// <summary>ResourceTemplate () { ... }, as a buffer term.</summary>
    public static byte[] Template(params byte[][] descriptors) => Aml.Buffer([.. Aml.Concatenate(descriptors), EndTag, 0]);

    /// <summary>Memory32Fixed (ReadWrite, base, length).</summary>
    public static byte[] Memory32Fixed(ulong start, ulong length)
    {
        var bytes = new byte[12];
        bytes[0] = Memory32FixedTag;
        bytes[1] = 9;
        bytes[3] = ReadWrite;
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(4), checked((uint)start));
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(8), checked((uint)length));
        return bytes;
    }

    /// <summary>Interrupt (ResourceConsumer, Level, ActiveHigh, Exclusive) { intid }.</summary>
    public static byte[] Interrupt(int intid)
    {
        var bytes = new byte[9];
        bytes[0] = ExtendedInterruptTag;
        bytes[1] = 6;
        bytes[3] = Consumer;
        bytes[4] = 1;
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(5), intid);
        return bytes;
    }

    /// <summary>WordBusNumber: the buses behind a host bridge.</summary>
    public static byte[] BusNumbers(ushort first, ushort last)
    {
        var bytes = new byte[16];
        bytes[0] = WordAddressTag;
        bytes[1] = 13;
        bytes[3] = BusNumberRange;
        bytes[4] = MinimumAndMaximumFixed;
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(8), first);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(10), last);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(14), (ushort)(last - first + 1));
        return bytes;
    }

    /// <summary>DWordMemory: a window below 4 GiB that a host bridge passes on.</summary>
    public static byte[] Window32(MemoryRange window)
    {
        var bytes = new byte[26];
        bytes[0] = DWordAddressTag;
        bytes[1] = 23;
        bytes[3] = MemoryRange;
        bytes[4] = MinimumAndMaximumFixed;
        bytes[5] = ReadWrite;
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(10), (uint)window.Start);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(14), (uint)(window.End - 1));
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(22), (uint)window.Length);
        return bytes;
    }

    /// <summary>QWordMemory: a window that a host bridge passes on.</summary>
    public static byte[] Window64(MemoryRange window) => Memory64(window, 0);

    /// <summary>QWordMemory: registers of a device, anywhere.</summary>
    public static byte[] Registers(MemoryRange range) => Memory64(range, Consumer);

    private static byte[] Memory64(MemoryRange range, byte flags)
    {
        var bytes = new byte[46];
        bytes[0] = QWordAddressTag;
        bytes[1] = 43;
        bytes[3] = MemoryRange;
        bytes[4] = (byte)(MinimumAndMaximumFixed | flags);
        bytes[5] = ReadWrite;
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(14), range.Start);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(22), range.End - 1);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(38), range.Length);
        return bytes;
    }
}
