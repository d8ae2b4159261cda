// What a machine boots from: a kernel of its own, or firmware that finds one.
using System.Text;
using Emu.Core;
using Emu.Machine.Boards;
using Emu.Machine.Firmware.Acpi;
using Emu.Machine.Firmware.Fdt;
using Emu.Machine.Options;

namespace Emu.Machine.Boot;

/// <summary>Opened and checked images, put into guest RAM at power-on and at every reset.</summary>
public abstract class BootSource : IDisposable
{
    /// <summary>Largest device tree for firmware: its first stack lies behind it.</summary>
    private const int MaximumFirmwareFdt = 0x7_C000;

    /// <summary>Guest-physical address of the boot vCPU's first instruction.</summary>
    public abstract ulong Entry { get; }

    /// <summary>Memory outside the machine's own RAM that the images need, or null.</summary>
    public virtual FirmwareMemory? ExtraMemory => null;

    /// <summary>Opens what the options name.</summary>
    /// <exception cref="EmuException">Bad input.</exception>
    public static BootSource Open(MachineOptions options)
    {
        if (options.Firmware is null)
        {
            return new ImageLoader(options);
        }

        if (options.Memory.Size < Arm64Layout.MinimumFirmwareRam)
        {
            throw new EmuException(
                $"--memory size={options.Memory} is too small: --firmware needs at least size={MemoryOption.Format(Arm64Layout.MinimumFirmwareRam)}");
        }

        var image = FirmwareImage.Open(options.Firmware, options.FirmwareKind);
        return image.Kind == FirmwareKind.Aavmf ? new AavmfLoader(image, options) : new CloudHvLoader(image, options);
    }

    /// <summary>Makes and maps the devices that only firmware of this kind asks for, or gives null.</summary>
    /// <param name="memory">Where they go.</param>
    /// <param name="log">Messages.</param>
    /// <exception cref="EmuException">Bad input.</exception>
    public virtual FirmwareDevices? CreateDevices(PhysicalAddressSpace memory, Log log) => null;

    /// <summary>Gives the devices what they tell the firmware, before the machine runs.</summary>
    /// <param name="devices">From <see cref="CreateDevices"/>.</param>
    /// <param name="acpi">The ACPI tables' options.</param>
    public virtual void Describe(FirmwareDevices devices, Arm64AcpiOptions acpi) { }

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

    /// <summary>Puts the device tree where firmware looks for it.</summary>
    /// <exception cref="EmuException">It does not fit.</exception>
    protected static void LoadFirmwareFdt(PhysicalAddressSpace memory, Arm64FdtOptions options)
    {
        var tree = Arm64Fdt.Build(options);
        if (tree.Length > MaximumFirmwareFdt)
        {
            throw new EmuException($"the device tree is {tree.Length} bytes long, firmware takes at most {MaximumFirmwareFdt}; use fewer vCPUs or PCI segments");
        }

        tree.CopyTo(Ram(memory, Arm64Layout.FdtBase, (ulong)tree.Length));
    }

    /// <summary>Checks the length of a kernel command line.</summary>
    /// <exception cref="EmuException">It is too long.</exception>
    protected static void CheckCommandLine(string line)
    {
        var length = Encoding.UTF8.GetByteCount(line);
        if (length > Arm64Layout.MaximumCommandLine)
        {
            throw new EmuException($"--cmdline is {length} bytes long; a kernel takes at most {Arm64Layout.MaximumCommandLine}");
        }
    }

    /// <summary>A run of memory to fill: RAM, or what the guest may only read.</summary>
    protected static unsafe Span<byte> Ram(PhysicalAddressSpace memory, ulong address, ulong length)
    {
        var pointer = memory.TryGetPointer(address, length, forWrite: false);
        return pointer != null
            ? new Span<byte>(pointer, checked((int)length))
            : throw new InvalidOperationException($"no RAM at 0x{address:x}+0x{length:x}");
    }
}

/// <summary>Memory that holds a firmware image.</summary>
/// <param name="Range">Where it lies.</param>
/// <param name="ReadOnly">The guest's writes to it are dropped.</param>
public readonly record struct FirmwareMemory(MemoryRange Range, bool ReadOnly);
