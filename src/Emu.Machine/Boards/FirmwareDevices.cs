// The devices of a machine that boots through firmware of the QEMU kind: flash for its variables, fw_cfg for what it is to know.
using Emu.Core;
using Emu.Devices.Firmware;

namespace Emu.Machine.Boards;

/// <summary>Flash and fw_cfg.</summary>
public sealed class FirmwareDevices : IDisposable
{
    /// <summary>Makes and maps them.</summary>
    /// <param name="flash">The flash, mapped.</param>
    /// <param name="memory">Where fw_cfg goes.</param>
    /// <param name="log">Messages.</param>
    public FirmwareDevices(CfiFlash flash, PhysicalAddressSpace memory, Log log)
    {
        Flash = flash;
        Configuration = new FwCfg(memory, log);
        memory.AddMmio(Configuration.SnapshotName, Arm64Layout.FwCfgBase, FwCfg.RegistersLength, Configuration);
    }

    /// <summary>The variables' flash.</summary>
    public CfiFlash Flash { get; }

    /// <summary>fw_cfg.</summary>
    public FwCfg Configuration { get; }

    /// <summary>Both, in a fixed order.</summary>
    public IEnumerable<ISnapshotable> Sections => [Flash, Configuration];

    /// <summary>Power-on reset; the flash keeps its contents.</summary>
    public void Reset()
    {
        Flash.Reset();
        Configuration.Reset();
    }

    /// <inheritdoc/>
    public void Dispose() => Flash.Dispose();
}
