// What a machine boots from: a kernel of its own, or firmware that finds one.
using Emu.Core;
using Emu.Machine.Boards;
using Emu.Machine.Firmware.Acpi;
using Emu.Machine.Firmware.Fdt;
using Emu.Machine.Options;

namespace Emu.Machine.Boot;

/// <summary>Opened and checked images, put into guest RAM at power-on and at every reset.</summary>
public abstract class BootSource : IDisposable
{
    /// <summary>Guest-physical address of the boot vCPU's first instruction.</summary>
    public abstract ulong Entry { get; }

    /// <summary>RAM outside the machine's own that the images need, or null.</summary>
    public virtual MemoryRange? ExtraRam => null;

    /// <summary>Opens what the options name.</summary>
    /// <exception cref="EmuException">Bad input.</exception>
    public static BootSource Open(MachineOptions options) => options.Firmware is null ? new ImageLoader(options) : new FirmwareLoader(options);

    /// <summary>Fills RAM that reads as zero.</summary>
    /// <param name="memory">The machine's map, with its RAM.</param>
    /// <param name="fdt">The device tree's options.</param>
    /// <param name="acpi">The ACPI tables' options.</param>
    /// <exception cref="EmuException">A file cannot be read any more.</exception>
    public abstract void Load(PhysicalAddressSpace memory, Arm64FdtOptions fdt, Arm64AcpiOptions acpi);

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Closes the files.</summary>
    protected abstract void Dispose(bool disposing);

    /// <summary>A run of RAM to write.</summary>
    protected static unsafe Span<byte> Ram(PhysicalAddressSpace memory, ulong address, ulong length)
    {
        var pointer = memory.TryGetPointer(address, length, forWrite: true);
        return pointer != null
            ? new Span<byte>(pointer, checked((int)length))
            : throw new InvalidOperationException($"no RAM at 0x{address:x}+0x{length:x}");
    }
}
