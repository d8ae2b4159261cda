// The arm64 machine's device tree: what Linux and EDK2 learn the machine from.
using Emu.Core;
using Emu.Devices.Firmware;
using Emu.Machine.Boards;

namespace Emu.Machine.Firmware.Fdt;

/// <summary>What varies from one arm64 machine to the next.</summary>
public sealed record Arm64FdtOptions
{
    /// <summary>vCPUs present.</summary>
    public required int VcpuCount { get; init; }

    /// <summary>First redistributor frame.</summary>
    public required ulong RedistributorBase { get; init; }

    /// <summary>First byte of the ITS's frames.</summary>
    public required ulong ItsBase { get; init; }

    /// <summary>The PCI segments.</summary>
    public required IReadOnlyList<PciSegmentLayout> PciSegments { get; init; }

    /// <summary>Runs of RAM.</summary>
    public required MemoryRange[] Ram { get; init; }

    /// <summary>Kernel command line.</summary>
    public required string CommandLine { get; init; }

    /// <summary>Where the initramfs lies, or null.</summary>
    public MemoryRange? Initramfs { get; init; }

    /// <summary>Whether the machine has the PL011.</summary>
    public bool HasSerial { get; init; } = true;

    /// <summary>Whether the CPUs have the performance monitors.</summary>
    public bool HasPmu { get; init; }

    /// <summary>NUMA nodes; empty for a machine that says nothing of them.</summary>
    public IReadOnlyList<NumaNode> Numa { get; init; } = [];

    /// <summary>The IOMMU, or null.</summary>
    public IommuLayout? Iommu { get; init; }

    /// <summary>The flash and fw_cfg of firmware of the QEMU kind: the flash's bytes, or null for a machine without both.</summary>
    public ulong? FlashSize { get; init; }

    /// <summary>Seed of the kernel's random number generator.</summary>
    public required byte[] RngSeed { get; init; }

    /// <summary>Seed of the kernel's address-space randomization.</summary>
    public required ulong KaslrSeed { get; init; }
}

/// <summary>Writes the nodes.</summary>
public static class Arm64Fdt
{
    private const uint GicPhandle = 1;
    private const uint ItsPhandle = 2;
    private const uint ClockPhandle = 3;
    private const uint GpioPhandle = 4;
    private const uint IommuPhandle = 5;
    private const uint FirstCpuPhandle = 8;

    /// <summary>First cell of an interrupt specifier: shared peripheral interrupt (devicetree binding arm,gic-v3).</summary>
    private const uint Spi = 0;

    /// <summary>First cell of an interrupt specifier: private peripheral interrupt.</summary>
    private const uint Ppi = 1;

    /// <summary>Third cell of an interrupt specifier: active high, level-sensitive, as every wire of this machine is.</summary>
    private const uint LevelHigh = 4;

    /// <summary>First cell of a PCI address: I/O space (IEEE 1275 PCI bus binding 2.2.1.1).</summary>
    private const uint PciIoSpace = 0x0100_0000;

    /// <summary>First cell of a PCI address: 32-bit memory.</summary>
    private const uint PciMemory32Space = 0x0200_0000;

    /// <summary>First cell of a PCI address: 64-bit memory.</summary>
    private const uint PciMemory64Space = 0x0300_0000;

    /// <summary>Where the device number is in the first cell of a PCI address (IEEE 1275 PCI bus binding 2.2.1.1).</summary>
    private const int PciDeviceShift = 11;

    /// <summary>Requester IDs of a segment: one bus of 256 functions.</summary>
    private const uint RequesterIdsPerSegment = 0x100;

    /// <summary>Linux input code of the power key.</summary>
    private const uint KeyPower = 116;

    /// <summary>Bytes of the flash that are read together.</summary>
    private const uint FlashBankWidth = 4;

    private const string SerialNode = "pl011@9000000";

    /// <summary>Builds the tree.</summary>
    /// <exception cref="EmuException">It does not fit the room the map keeps for it.</exception>
    public static byte[] Build(Arm64FdtOptions options)
    {
        var fdt = new FdtBuilder();
        fdt.BeginNode("")
            .Cells("interrupt-parent", GicPhandle)
            .Cells("#size-cells", 2)
            .Cells("#address-cells", 2)
            .Strings("compatible", "linux,dummy-virt")
            .Strings("model", "linux,dummy-virt");
        Chosen(fdt, options);
        Cpus(fdt, options);
        Memory(fdt, options);

        InterruptController(fdt, options);
        Timer(fdt);
        if (options.HasPmu)
        {
            fdt.BeginNode("pmu").Strings("compatible", "arm,armv8-pmuv3")
                .Cells("interrupts", Ppi, Arm64Layout.PmuInterrupt - Arm64Layout.FirstPpi, LevelHigh).EndNode();
        }

        fdt.BeginNode("psci").Strings("compatible", "arm,psci-1.0", "arm,psci-0.2").Strings("method", "hvc").EndNode();
        fdt.BeginNode("apb-pclk").Strings("compatible", "fixed-clock").Cells("#clock-cells", 0)
            .Cells("clock-frequency", Arm64Layout.PeripheralClockHertz).Strings("clock-output-names", "clk24mhz")
            .Cells("phandle", ClockPhandle).EndNode();
        if (options.HasSerial)
        {
            PrimeCell(fdt, SerialNode, "arm,pl011", Arm64Layout.Pl011Base, Arm64Layout.SerialInterrupt)
                .Cells("clocks", ClockPhandle, ClockPhandle).Strings("clock-names", "uartclk", "apb_pclk").EndNode();
        }

        PrimeCell(fdt, "rtc@9010000", "arm,pl031", Arm64Layout.Pl031Base, Arm64Layout.RtcInterrupt)
            .Cells("clocks", ClockPhandle).Strings("clock-names", "apb_pclk").EndNode();
        PrimeCell(fdt, "pl061@9020000", "arm,pl061", Arm64Layout.Pl061Base, Arm64Layout.GpioInterrupt)
            .Cells("clocks", ClockPhandle).Strings("clock-names", "apb_pclk")
            .Flag("gpio-controller").Cells("#gpio-cells", 2)
            .Cells("phandle", GpioPhandle).EndNode();
        fdt.BeginNode("gpio-keys").Strings("compatible", "gpio-keys");
        fdt.BeginNode("button@1").Strings("label", "GPIO Key Poweroff").Cells("linux,code", KeyPower)
            .Cells("gpios", GpioPhandle, Arm64Layout.PowerButtonLine, 0).EndNode();
        fdt.EndNode();
        foreach (var segment in options.PciSegments)
        {
            PciHost(fdt, segment, options);
        }

        if (options.FlashSize is { } size)
        {
            fdt.BeginNode($"flash@{Arm64Layout.FlashBase:x}").Strings("compatible", "cfi-flash")
                .Wide("reg", Arm64Layout.FlashBase, size).Cells("bank-width", FlashBankWidth).EndNode();
            fdt.BeginNode($"fw-cfg@{Arm64Layout.FwCfgBase:x}").Strings("compatible", "qemu,fw-cfg-mmio")
                .Wide("reg", Arm64Layout.FwCfgBase, FwCfg.RegistersLength).Flag("dma-coherent").EndNode();
        }

        fdt.EndNode();

        var blob = fdt.Build();
        if ((ulong)blob.Length > Arm64Layout.FdtMaximumSize)
        {
            throw new EmuException($"the device tree is {blob.Length} bytes long, at most {Arm64Layout.FdtMaximumSize} fit; use fewer vCPUs");
        }

        return blob;
    }

    private static void Chosen(FdtBuilder fdt, Arm64FdtOptions options)
    {
        fdt.BeginNode("chosen").Strings("bootargs", options.CommandLine);
        if (options.HasSerial)
        {
            fdt.Strings("stdout-path", "/" + SerialNode);
        }

        if (options.Initramfs is { } initramfs)
        {
            fdt.Wide("linux,initrd-start", initramfs.Start).Wide("linux,initrd-end", initramfs.End);
        }

        fdt.Bytes("rng-seed", options.RngSeed).Wide("kaslr-seed", options.KaslrSeed).EndNode();
    }

    private static void Memory(FdtBuilder fdt, Arm64FdtOptions options)
    {
        if (options.Numa.Count == 0)
        {
            foreach (var range in options.Ram)
            {
                fdt.BeginNode($"memory@{range.Start:x}").Strings("device_type", "memory").Wide("reg", range.Start, range.Length).EndNode();
            }

            return;
        }

        foreach (var (node, range) in options.Numa.SelectMany(n => n.Memory.Select(r => (n, r))).OrderBy(p => p.r.Start))
        {
            fdt.BeginNode($"memory@{range.Start:x}").Strings("device_type", "memory").Wide("reg", range.Start, range.Length);
            NumaNodeId(fdt, node).EndNode();
        }

        // devicetree binding numa-distance-map-v1: triples of node, node, distance.
        fdt.BeginNode("distance-map").Strings("compatible", "numa-distance-map-v1")
            .Cells("distance-matrix", [.. options.Numa.SelectMany(from => options.Numa.SelectMany(to => (uint[])[from.Id, to.Id, from.DistanceTo(to)]))])
            .EndNode();
    }

    private static FdtBuilder NumaNodeId(FdtBuilder fdt, NumaNode? node) => node is null ? fdt : fdt.Cells("numa-node-id", node.Id);

    private static void Cpus(FdtBuilder fdt, Arm64FdtOptions options)
    {
        var count = options.VcpuCount;
        fdt.BeginNode("cpus").Cells("#address-cells", 1).Cells("#size-cells", 0);
        for (var i = 0; i < count; i++)
        {
            fdt.BeginNode($"cpu@{Arm64Layout.Affinity(i):x}").Strings("device_type", "cpu").Strings("compatible", "arm,arm-v8");
            if (count > 1)
            {
                fdt.Strings("enable-method", "psci");
            }

            NumaNodeId(fdt, options.Numa.FirstOrDefault(n => n.Cpus.Contains(i)));
            fdt.Cells("reg", Arm64Layout.Affinity(i)).Cells("phandle", FirstCpuPhandle + (uint)i).EndNode();
        }

        fdt.BeginNode("cpu-map").BeginNode("socket0").BeginNode("cluster0");
        for (var i = 0; i < count; i++)
        {
            fdt.BeginNode($"core{i}").Cells("cpu", FirstCpuPhandle + (uint)i).EndNode();
        }

        fdt.EndNode().EndNode().EndNode().EndNode();
    }

    private static void InterruptController(FdtBuilder fdt, Arm64FdtOptions options) =>
        fdt.BeginNode($"intc@{Arm64Layout.GicDistributorBase:x}")
            .Strings("compatible", "arm,gic-v3")
            .Cells("#interrupt-cells", 3)
            .Flag("interrupt-controller")
            .Wide(
                "reg",
                Arm64Layout.GicDistributorBase, Arm64Layout.GicDistributorSize,
                options.RedistributorBase, (ulong)options.VcpuCount * Arm64Layout.GicRedistributorSize)
            .Cells("#address-cells", 2)
            .Cells("#size-cells", 2)
            .Flag("ranges")
            .Cells("interrupts", Ppi, Arm64Layout.MaintenanceInterrupt - Arm64Layout.FirstPpi, LevelHigh)
            .Cells("phandle", GicPhandle)
            .BeginNode($"msic@{options.ItsBase:x}")
            .Strings("compatible", "arm,gic-v3-its")
            .Flag("msi-controller")
            .Wide("reg", options.ItsBase, Arm64Layout.GicItsSize)
            .Cells("phandle", ItsPhandle)
            .EndNode()
            .EndNode();

    /// <summary>A segment's host bridge. Its devices know MSIs only, so the map of interrupt pins is empty.</summary>
    private static void PciHost(FdtBuilder fdt, PciSegmentLayout segment, Arm64FdtOptions options)
    {
        NumaNodeId(fdt.BeginNode($"pci@{segment.Ecam.Start:x}"), options.Numa.FirstOrDefault(n => n.PciSegments.Contains(segment.Number)))
            .Strings("compatible", "pci-host-ecam-generic")
            .Strings("device_type", "pci")
            .Cells("#address-cells", 3)
            .Cells("#size-cells", 2)
            .Cells("#interrupt-cells", 1)
            .Cells("bus-range", 0, 0)
            .Cells("linux,pci-domain", (uint)segment.Number)
            .Cells(
                "ranges",
                [
                    PciIoSpace, .. Cells64(0), .. Cells64(Arm64Layout.PciIoBase), .. Cells64(Arm64Layout.PciIoSize),
                    .. PciWindow(PciMemory32Space, segment.Memory32), .. PciWindow(PciMemory64Space, segment.Memory64),
                ])
            .Wide("reg", segment.Ecam.Start, segment.Ecam.Length)
            .Flag("interrupt-map")
            .Flag("interrupt-map-mask")
            .Flag("dma-coherent")
            .Cells("msi-parent", ItsPhandle)
            .Cells("msi-map", 0, ItsPhandle, (uint)segment.Number * RequesterIdsPerSegment, RequesterIdsPerSegment);
        if (options.Iommu is { } iommu)
        {
            // A requester ID, and the number of the endpoint it stands for.
            var behind = iommu.Endpoints.Where(e => IommuLayout.Segment(e) == segment.Number).ToArray();
            if (behind.Length > 0)
            {
                fdt.Cells("iommu-map", [.. behind.SelectMany(e => (uint[])[IommuLayout.RequesterId(e), IommuPhandle, e, 1])]);
            }

            if (segment.Number == 0)
            {
                fdt.BeginNode($"iommu@{iommu.Slot:x}").Strings("compatible", "virtio,pci-iommu", "pci1af4,1057")
                    .Cells("reg", (uint)iommu.Slot << PciDeviceShift, 0, 0, 0, 0).Cells("#iommu-cells", 1).Cells("phandle", IommuPhandle).EndNode();
            }
        }

        fdt.EndNode();
    }

    private static uint[] PciWindow(uint space, MemoryRange window) =>
        [space, .. Cells64(window.Start), .. Cells64(window.Start), .. Cells64(window.Length)];

    private static uint[] Cells64(ulong value) => [(uint)(value >> 32), (uint)value];

    private static void Timer(FdtBuilder fdt) =>
        fdt.BeginNode("timer")
            .Strings("compatible", "arm,armv8-timer")
            .Flag("always-on")
            .Cells(
                "interrupts",
                Ppi, Arm64Layout.SecureTimerInterrupt - Arm64Layout.FirstPpi, LevelHigh,
                Ppi, Arm64Layout.PhysicalTimerInterrupt - Arm64Layout.FirstPpi, LevelHigh,
                Ppi, Arm64Layout.VirtualTimerInterrupt - Arm64Layout.FirstPpi, LevelHigh,
                Ppi, Arm64Layout.HypervisorTimerInterrupt - Arm64Layout.FirstPpi, LevelHigh)
            .EndNode();

    private static FdtBuilder PrimeCell(FdtBuilder fdt, string name, string compatible, ulong address, int interrupt) =>
        fdt.BeginNode(name)
            .Strings("compatible", compatible, "arm,primecell")
            .Wide("reg", address, Arm64Layout.PrimeCellSize)
            .Cells("interrupts", Spi, (uint)(interrupt - Arm64Layout.FirstSpi), LevelHigh);
}
