// ACPI Machine Language (ACPI 6.3, chapter 20): each method gives the bytes of one term, so that a table reads like its ASL source.
using System.Buffers.Binary;
using System.Text;

namespace Emu.Machine.Firmware.Acpi;

/// <summary>Terms of AML. Names are paths of four-letter segments: "\\_SB_.PC00", "_CRS".</summary>
public static class Aml
{
    private const byte ZeroOp = 0x00;
    private const byte OneOp = 0x01;
    private const byte NameOp = 0x08;
    private const byte BytePrefix = 0x0A;
    private const byte WordPrefix = 0x0B;
    private const byte DWordPrefix = 0x0C;
    private const byte StringPrefix = 0x0D;
    private const byte QWordPrefix = 0x0E;
    private const byte BufferOp = 0x11;
    private const byte PackageOp = 0x12;
    private const byte MethodOp = 0x14;
    private const byte DualNamePrefix = 0x2E;
    private const byte MultiNamePrefix = 0x2F;
    private const byte ExtendedPrefix = 0x5B;
    private const byte Local0Op = 0x60;
    private const byte Arg0Op = 0x68;
    private const byte StoreOp = 0x70;
    private const byte ShiftLeftOp = 0x79;
    private const byte AndOp = 0x7B;
    private const byte NotifyOp = 0x86;
    private const byte LEqualOp = 0x93;
    private const byte IfOp = 0xA0;
    private const byte ReturnOp = 0xA4;

    // Behind ExtendedPrefix.
    private const byte MutexOp = 0x01;
    private const byte AcquireOp = 0x23;
    private const byte ReleaseOp = 0x27;
    private const byte OperationRegionOp = 0x80;
    private const byte FieldOp = 0x81;
    private const byte DeviceOp = 0x82;

    /// <summary>Address space of an operation region: physical memory.</summary>
    private const byte SystemMemory = 0;

    /// <summary>Field flags: bits outside the field are written as zero.</summary>
    private const byte WriteAsZeros = 2 << 5;

    /// <summary>Acquire: wait for ever.</summary>
    private const ushort NoTimeout = 0xFFFF;

    private const byte Serialized = 1 << 3;
    private const int NameLength = 4;

    /// <summary>How a field's register is accessed.</summary>
    public enum FieldAccess : byte
    {
        /// <summary>ByteAcc.</summary>
        Byte = 1,

        /// <summary>DWordAcc.</summary>
        DWord = 3,
    }

    /// <summary>An integer, in the shortest form.</summary>
    public static byte[] Integer(ulong value)
    {
        if (value <= 1)
        {
            return [value == 0 ? ZeroOp : OneOp];
        }

        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        return value switch
        {
            <= byte.MaxValue => [BytePrefix, .. bytes[..1]],
            <= ushort.MaxValue => [WordPrefix, .. bytes[..2]],
            <= uint.MaxValue => [DWordPrefix, .. bytes[..4]],
            _ => [QWordPrefix, .. bytes],
        };
    }

    /// <summary>A string.</summary>
    public static byte[] String(string text) => [StringPrefix, .. Encoding.ASCII.GetBytes(text), 0];

    /// <summary>A buffer.</summary>
    public static byte[] Buffer(ReadOnlySpan<byte> bytes) => WithLength([BufferOp], Integer((ulong)bytes.Length), bytes.ToArray());

    /// <summary>A package.</summary>
    public static byte[] Package(params byte[][] elements) => WithLength([PackageOp], [(byte)elements.Length], Concatenate(elements));

    /// <summary>A compressed EISA identifier, "PNP0A08" (ACPI 19.3.4).</summary>
    public static byte[] EisaId(string id)
    {
        var letters = (uint)(((id[0] - 0x40) << 10) | ((id[1] - 0x40) << 5) | (id[2] - 0x40));
        var number = Convert.ToUInt32(id[3..], 16);
        return Integer(BinaryPrimitives.ReverseEndianness((letters << 16) | number));
    }

    /// <summary>A UUID as ToUUID gives it: the first three groups little-endian.</summary>
    public static byte[] Uuid(string text) => Buffer(Guid.Parse(text).ToByteArray());

    /// <summary>A reference by name.</summary>
    public static byte[] Path(string name)
    {
        var prefix = name.StartsWith('\\') ? 1 : 0;
        var segments = name[prefix..].Split('.');
        var bytes = new List<byte>(Encoding.ASCII.GetBytes(name[..prefix]));
        if (segments.Length == 2)
        {
            bytes.Add(DualNamePrefix);
        }
        else if (segments.Length > 2)
        {
            bytes.AddRange([MultiNamePrefix, (byte)segments.Length]);
        }

        foreach (var segment in segments)
        {
            if (segment.Length != NameLength)
            {
                throw new ArgumentException($"AML: \"{segment}\" of \"{name}\" is not four letters long", nameof(name));
            }

            bytes.AddRange(Encoding.ASCII.GetBytes(segment));
        }

        return [.. bytes];
    }

    /// <summary>Name (name, value).</summary>
    public static byte[] Name(string name, byte[] value) => [NameOp, .. Path(name), .. value];

    /// <summary>Device (name) { ... }.</summary>
    public static byte[] Device(string name, params byte[][] terms) => WithLength([ExtendedPrefix, DeviceOp], Path(name), Concatenate(terms));

    /// <summary>Method (name, arguments, Serialized) { ... }.</summary>
    public static byte[] Method(string name, int arguments, params byte[][] terms) =>
        WithLength([MethodOp], Path(name), [(byte)(Serialized | arguments)], Concatenate(terms));

    /// <summary>Mutex (name, 0).</summary>
    public static byte[] Mutex(string name) => [ExtendedPrefix, MutexOp, .. Path(name), 0];

    /// <summary>Acquire (name, 0xFFFF).</summary>
    public static byte[] Acquire(string name) => [ExtendedPrefix, AcquireOp, .. Path(name), NoTimeout & 0xFF, NoTimeout >> 8];

    /// <summary>Release (name).</summary>
    public static byte[] Release(string name) => [ExtendedPrefix, ReleaseOp, .. Path(name)];

    /// <summary>OperationRegion (name, SystemMemory, address, length).</summary>
    public static byte[] MemoryRegion(string name, ulong address, ulong length) =>
        [ExtendedPrefix, OperationRegionOp, .. Path(name), SystemMemory, .. Integer(address), .. Integer(length)];

    /// <summary>Field (region, access, NoLock, WriteAsZeros) { ... }: fields one behind the other.</summary>
    /// <param name="region">The operation region.</param>
    /// <param name="access">Width of accesses.</param>
    /// <param name="fields">Names and sizes in bits.</param>
    public static byte[] Field(string region, FieldAccess access, params (string Name, int Bits)[] fields)
    {
        var list = new List<byte>();
        foreach (var (name, bits) in fields)
        {
            list.AddRange(Path(name));
            list.AddRange(PackageLength(bits, includesItself: false));
        }

        return WithLength([ExtendedPrefix, FieldOp], Path(region), [(byte)(WriteAsZeros | (byte)access)], [.. list]);
    }

    /// <summary>Argument 0 to 6 of the method.</summary>
    public static byte[] Arg(int number) => [(byte)(Arg0Op + number)];

    /// <summary>Local variable 0 to 7 of the method.</summary>
    public static byte[] Local(int number) => [(byte)(Local0Op + number)];

    /// <summary>Store (source, target).</summary>
    public static byte[] Store(byte[] source, byte[] target) => [StoreOp, .. source, .. target];

    /// <summary>And (left, right).</summary>
    public static byte[] And(byte[] left, byte[] right) => [AndOp, .. left, .. right, ZeroOp];

    /// <summary>ShiftLeft (value, count, target).</summary>
    public static byte[] ShiftLeft(byte[] value, byte[] count, byte[] target) => [ShiftLeftOp, .. value, .. count, .. target];

    /// <summary>LEqual (left, right).</summary>
    public static byte[] Equal(byte[] left, byte[] right) => [LEqualOp, .. left, .. right];

    /// <summary>If (condition) { ... }.</summary>
    public static byte[] If(byte[] condition, params byte[][] terms) => WithLength([IfOp], condition, Concatenate(terms));

    /// <summary>Notify (device, value).</summary>
    public static byte[] Notify(string device, byte[] value) => [NotifyOp, .. Path(device), .. value];

    /// <summary>Return (value).</summary>
    public static byte[] Return(byte[] value) => [ReturnOp, .. value];

    /// <summary>A call of a method.</summary>
    public static byte[] Call(string method, params byte[][] arguments) => [.. Path(method), .. Concatenate(arguments)];

    /// <summary>Terms one behind the other.</summary>
    public static byte[] Concatenate(params byte[][] terms)
    {
        var result = new byte[terms.Sum(t => t.Length)];
        var offset = 0;
        foreach (var term in terms)
        {
            term.CopyTo(result, offset);
            offset += term.Length;
        }

        return result;
    }

    private static byte[] WithLength(byte[] opcode, params byte[][] parts)
    {
        var body = Concatenate(parts);
        return [.. opcode, .. PackageLength(body.Length, includesItself: true), .. body];
    }

    /// <summary>PkgLength (ACPI 20.2.4): one byte up to 63, else the low nibble and up to three bytes more, their number in bits 7:6.</summary>
    private static byte[] PackageLength(int length, bool includesItself)
    {
        for (var extra = 0; extra <= 3; extra++)
        {
            var total = length + (includesItself ? extra + 1 : 0);
            var limit = extra == 0 ? 0x3F : (1 << (4 + (8 * extra))) - 1;
            if (total > limit)
            {
                continue;
            }

            if (extra == 0)
            {
                return [(byte)total];
            }

            var bytes = new byte[extra + 1];
            bytes[0] = (byte)((extra << 6) | (total & 0xF));
            for (var i = 1; i <= extra; i++)
            {
                bytes[i] = (byte)(total >> (4 + (8 * (i - 1))));
            }

            return bytes;
        }

        throw new ArgumentOutOfRangeException(nameof(length), length, "an AML package is at most 256 MiB long");
    }
}
