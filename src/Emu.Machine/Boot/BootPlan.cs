// Where the kernel and the initramfs go in guest RAM, checked against its size and against each other.
using Emu.Core;
using Emu.Machine.Boards;
using Emu.Machine.Options;

namespace Emu.Machine.Boot;

/// <summary>The load addresses of a direct kernel boot.</summary>
/// <param name="Kernel">RAM of the kernel, BSS included. The first address is the entry point.</param>
/// <param name="Initramfs">RAM of the initramfs, or null.</param>
public readonly record struct BootPlan(MemoryRange Kernel, MemoryRange? Initramfs)
{
    private const ulong PageSize = 4096;
    private const ulong MegaByte = 1 << 20;

    /// <summary>Places the images: kernel at its fixed address, initramfs in the last pages of low RAM.</summary>
    /// <param name="kernelPath">For messages.</param>
    /// <param name="textOffset">The Image's text_offset.</param>
    /// <param name="kernelSize">Bytes the kernel takes.</param>
    /// <param name="initramfsPath">For messages.</param>
    /// <param name="initramfsSize">Bytes, 0 for none.</param>
    /// <param name="ramSize">Bytes of RAM.</param>
    /// <exception cref="EmuException">They do not fit.</exception>
    public static BootPlan Create(string kernelPath, ulong textOffset, ulong kernelSize, string? initramfsPath, ulong initramfsSize, ulong ramSize)
    {
        var low = Arm64Layout.RamRanges(ramSize)[0];
        var kernel = new MemoryRange(Arm64Layout.KernelBase + textOffset, kernelSize);
        var memory = MemoryOption.Format(ramSize);
        if (kernel.End > Arm64Layout.LowRamEnd)
        {
            throw new EmuException($"--kernel '{kernelPath}' needs {Megabytes(textOffset + kernelSize)}M of RAM; at most {Megabytes(Arm64Layout.LowRamEnd - Arm64Layout.KernelBase)}M can be had");
        }

        if (kernel.End > low.End)
        {
            throw new EmuException($"--memory size={memory} is too small: --kernel '{kernelPath}' needs at least size={Megabytes(kernel.End - low.Start)}M");
        }

        if (initramfsSize == 0)
        {
            return new BootPlan(kernel, null);
        }

        var rounded = AlignUp(initramfsSize);
        var firstFree = AlignUp(kernel.End);
        if (rounded > Arm64Layout.LowRamEnd - firstFree)
        {
            throw new EmuException($"--initramfs '{initramfsPath}' is {Megabytes(initramfsSize)}M long; at most {(Arm64Layout.LowRamEnd - firstFree) / MegaByte}M fit beside this kernel");
        }

        if (firstFree + rounded > low.End)
        {
            throw new EmuException(
                $"--memory size={memory} is too small: --kernel and --initramfs '{initramfsPath}' need at least size={Megabytes(firstFree + rounded - low.Start)}M");
        }

        return new BootPlan(kernel, new MemoryRange((low.End - initramfsSize) & ~(PageSize - 1), initramfsSize));
    }

    private static ulong AlignUp(ulong value) => (value + PageSize - 1) & ~(PageSize - 1);

    private static ulong Megabytes(ulong size) => (size + MegaByte - 1) / MegaByte;
}
