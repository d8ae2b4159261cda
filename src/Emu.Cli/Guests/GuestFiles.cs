// What a guest consists of, and what it gives a machine where the user says nothing.
using Emu.Machine.Options;

namespace Emu.Cli.Guests;

/// <summary>The files that a guest's script provides: a kernel, or a disk that firmware boots from.</summary>
/// <param name="Kernel">Kernel file, or null.</param>
/// <param name="Initramfs">Initramfs file, or null.</param>
/// <param name="Disk">Raw disk image, or null. It is never written to.</param>
internal sealed record GuestFiles(string? Kernel, string? Initramfs, string? Disk);

/// <summary>A guest's own settings of a machine.</summary>
internal sealed record GuestDefaults
{
    /// <summary>Kernel file, or null for a guest that boots from a disk.</summary>
    public string? Kernel { get; init; }

    /// <summary>Initramfs file, or null.</summary>
    public string? Initramfs { get; init; }

    /// <summary>Kernel command line, before the user's.</summary>
    public string CommandLine { get; init; } = "";

    /// <summary>Firmware file of a guest that boots from a disk.</summary>
    public string? Firmware { get; init; }

    /// <summary>Values of --disk that come before the user's.</summary>
    public IReadOnlyList<string> FirstDisks { get; init; } = [];

    /// <summary>Values of --disk that come after the user's.</summary>
    public IReadOnlyList<string> LastDisks { get; init; } = [];

    /// <summary>Host memory for translated and compiled guest code, in bytes, when the user says nothing.</summary>
    public ulong CodeCacheBytes { get; init; } = MachineOptions.DefaultCodeCacheBytes;

    /// <summary>Values of --net when the user gives none.</summary>
    public IReadOnlyList<string> Nets { get; init; } = [];
}
