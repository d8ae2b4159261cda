// Loads kernel, initramfs and device tree into guest RAM, at power-on and again at every guest reset.
using Emu.Core;
using Emu.Machine.Boards;
using Emu.Machine.Firmware.Acpi;
using Emu.Machine.Firmware.Fdt;
using Emu.Machine.Options;

namespace Emu.Machine.Boot;

/// <summary>The images of one machine: opened and placed by the constructor, so that bad input is reported before anything runs.</summary>
public sealed class ImageLoader : BootSource
{
    private readonly KernelImage kernel;
    private readonly InputFile? initramfs;

    /// <summary>Opens and checks the images.</summary>
    /// <exception cref="EmuException">Bad input.</exception>
    public ImageLoader(MachineOptions options)
    {
        CheckCommandLine(options.CommandLine);
        var path = options.Kernel!;
        kernel = KernelImage.Open(path);
        try
        {
            initramfs = options.Initramfs is null ? null : InputFile.Open("--initramfs", options.Initramfs);
            Plan = BootPlan.Create(
                path, kernel.Header.TextOffset, kernel.MemorySize, options.Initramfs, (ulong)(initramfs?.Length ?? 0), options.Memory.Size);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Where the images go.</summary>
    public BootPlan Plan { get; }

    /// <inheritdoc/>
    public override ulong Entry => Plan.Kernel.Start;

    /// <summary>Copies the images into RAM. A kernel booted directly gets a device tree and no ACPI tables.</summary>
    public override void Load(PhysicalAddressSpace memory, Arm64FdtOptions fdt, Arm64AcpiOptions acpi) => Load(memory, fdt);

    /// <summary>Copies the images into RAM that reads as zero.</summary>
    /// <param name="memory">The machine's map, with its RAM.</param>
    /// <param name="fdt">The device tree's options; the initramfs' place is filled in here.</param>
    /// <exception cref="EmuException">A file cannot be read any more.</exception>
    public void Load(PhysicalAddressSpace memory, Arm64FdtOptions fdt)
    {
        kernel.CopyTo(Ram(memory, Plan.Kernel.Start, (ulong)kernel.Length));
        if (Plan.Initramfs is { } place)
        {
            // A span is at most 2 GiB long; low RAM is nearly 3.
            const ulong Chunk = 1 << 30;
            for (ulong offset = 0; offset < place.Length; offset += Chunk)
            {
                initramfs!.Read((long)offset, Ram(memory, place.Start + offset, Math.Min(Chunk, place.Length - offset)));
            }
        }

        var blob = Arm64Fdt.Build(fdt with { Initramfs = Plan.Initramfs });
        blob.CopyTo(Ram(memory, Arm64Layout.FdtBase, (ulong)blob.Length));
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        kernel.Dispose();
        initramfs?.Dispose();
    }
}
