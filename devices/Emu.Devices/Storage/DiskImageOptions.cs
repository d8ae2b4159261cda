// How an image is opened: what the keys of --disk say.
using Emu.Core;

namespace Emu.Devices.Storage;

/// <summary>The format of an image.</summary>
public enum DiskImageType
{
    /// <summary>Found by looking at the content.</summary>
    Auto,

    /// <summary>The bytes of the disk, as they are.</summary>
    Raw,

    /// <summary>QEMU copy-on-write, versions 2 and 3.</summary>
    Qcow2,

    /// <summary>Microsoft VHD, fixed size.</summary>
    Vhd,

    /// <summary>Microsoft VHDX, fixed or dynamic.</summary>
    Vhdx,
}

/// <summary>Options of <see cref="DiskImage.Open(string, DiskImageOptions)"/>.</summary>
public sealed record DiskImageOptions
{
    /// <summary>Refuse writes (readonly=on).</summary>
    public bool ReadOnly { get; init; }

    /// <summary>Bypass the host's page cache (direct=on).</summary>
    public bool Direct { get; init; }

    /// <summary>Whether an image may name another file that it is based on (backing_files=on). Off by default: an image from elsewhere could name any file of the host.</summary>
    public bool BackingFiles { get; init; }

    /// <summary>The format (image_type=).</summary>
    public DiskImageType ImageType { get; init; } = DiskImageType.Auto;

    /// <summary>Whether space the guest gives up goes back to the host (sparse=on); if not, discarding is not offered and zeroes keep their space.</summary>
    public bool Sparse { get; init; } = true;

    /// <summary>Where host errors and damage are reported.</summary>
    public Log Log { get; init; } = Log.Null;
}
