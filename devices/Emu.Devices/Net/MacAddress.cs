// An Ethernet address, as options write it and as devices carry it.
using System.Globalization;

namespace Emu.Devices.Net;

/// <summary>48 bits, the first byte on the wire in the highest ones.</summary>
/// <param name="Value">The address as a number.</param>
public readonly record struct MacAddress(ulong Value)
{
    /// <summary>Bytes of an address.</summary>
    public const int Bytes = 6;

    private const ulong Multicast = 1UL << 40;
    private const ulong LocallyAdministered = 1UL << 41;

    /// <summary>FF:FF:FF:FF:FF:FF.</summary>
    public static MacAddress Broadcast { get; } = new(0xFFFF_FFFF_FFFF);

    /// <summary>A group address.</summary>
    public bool IsMulticast => (Value & Multicast) != 0;

    /// <summary>A locally administered address made of a random number.</summary>
    public static MacAddress FromRandom(ulong random) => new((random & 0xFFFF_FFFF_FFFF & ~Multicast) | LocallyAdministered);

    /// <summary>The address at the start of a span.</summary>
    public static MacAddress Read(ReadOnlySpan<byte> bytes)
    {
        ulong value = 0;
        foreach (var b in bytes[..Bytes])
        {
            value = (value << 8) | b;
        }

        return new MacAddress(value);
    }

    /// <summary>Writes the six bytes.</summary>
    public void Write(Span<byte> bytes)
    {
        for (var i = 0; i < Bytes; i++)
        {
            bytes[i] = (byte)(Value >> (8 * (Bytes - 1 - i)));
        }
    }

    /// <summary>Reads aa:bb:cc:dd:ee:ff, the address of one card. False when it is something else or a group address.</summary>
    public static bool TryParse(string text, out MacAddress address)
    {
        address = default;
        var parts = text.Split(':');
        ulong value = 0;
        foreach (var part in parts)
        {
            if (part.Length is < 1 or > 2 || !byte.TryParse(part, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var b))
            {
                return false;
            }

            value = (value << 8) | b;
        }

        address = new MacAddress(value);
        return parts.Length == Bytes && !address.IsMulticast && value != 0;
    }

    /// <inheritdoc/>
    public override string ToString()
    {
        var bytes = new byte[Bytes];
        Write(bytes);
        return string.Join(':', bytes.Select(b => $"{b:x2}"));
    }
}
