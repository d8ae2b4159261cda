// What the user says about the machine as a product.
namespace Emu.Machine.Firmware.Smbios;

/// <summary>The strings of the SMBIOS tables that a user can set.</summary>
public sealed record SmbiosOptions
{
    /// <summary>Serial number of the system, or null.</summary>
    public string? SerialNumber { get; init; }

    /// <summary>UUID of the system; all zeroes for none.</summary>
    public Guid Uuid { get; init; }

    /// <summary>Strings of the manufacturer: what a host tells its guests, as for cloud-init and systemd's credentials.</summary>
    public IReadOnlyList<string> OemStrings { get; init; } = [];

    /// <summary>The user set something.</summary>
    public bool IsGiven => SerialNumber is not null || Uuid != Guid.Empty || OemStrings.Count > 0;
}
