// NUMA: memory zones and nodes as they are asked for, where they lie, and what firmware tells of them.
using System.Buffers.Binary;
using Emu.Machine.Boards;
using Emu.Machine.Firmware.Acpi;
using Emu.Machine.Options;

namespace Emu.Machine.Tests;

public class NumaTests
{
    private static readonly string[] TwoZones = ["id=near,size=256M", "id=far,size=3G"];

    [Fact]
    public void Zones_FollowEachOther_AndGoOnBehindTheHole()
    {
        var memory = MemoryOption.Parse("size=0,shared=on", TwoZones);
        Assert.Equal(0xD000_0000u, memory.Size);
        Assert.True(memory.Shared);
        Assert.Equal([new MemoryRange(Arm64Layout.RamBase, 256UL << 20)], memory.RangesOf("near"));
        Assert.Equal(
            [new MemoryRange(0x5000_0000, 0xAC00_0000), new MemoryRange(Arm64Layout.HighRamBase, 0x1400_0000)],
            memory.RangesOf("far"));
    }

    [Fact]
    public void Zones_TakeThePlaceOfTheSize()
    {
        Assert.Equal(512UL << 20, MemoryOption.Parse(null, []).Size);
        Assert.Equal(256UL << 20, MemoryOption.Parse(null, ["id=a,size=256M"]).Size);
        Assert.False(MemoryOption.Parse(null, ["id=a,size=256M,thp=off"]).TransparentHugePages);
        OptionTests.Rejects(() => MemoryOption.Parse("size=1G", ["id=a,size=256M"]), "--memory", "give size=0");
        OptionTests.Rejects(() => MemoryOption.Parse("size=0", []), "--memory", "--memory-zone id=mem0,size=512M");
        OptionTests.Rejects(() => MemoryOption.Parse(null, ["size=256M"]), "--memory-zone", "id= is missing");
        OptionTests.Rejects(() => MemoryOption.Parse(null, ["id=a"]), "--memory-zone", "size= is missing");
        OptionTests.Rejects(() => MemoryOption.Parse(null, ["id=a,size=256M", "id=a,size=256M"]), "--memory-zone", "another zone has the id a");
        OptionTests.Rejects(() => MemoryOption.Parse(null, ["id=a,size=4M"]), "--memory-zone", "RAM is from 8M");
        OptionTests.Rejects(() => MemoryOption.Parse(null, ["id=a,size=16777215T", "id=b,size=16777215T"]), "--memory-zone", "to 512G");
        OptionTests.Rejects(() => MemoryOption.Parse(null, ["id=a,size=256M,file=/tmp/x"]), "--memory-zone", "--pmem file=FILE");
        OptionTests.Rejects(() => MemoryOption.Parse(null, ["id=a,size=256M,host_numa_node=0"]), "--memory-zone", "numactl");
    }

    [Theory]
    [InlineData("hugepages=on", "thp=on|off")]
    [InlineData("hugepage_size=2M", "thp=on|off")]
    [InlineData("hotplug_size=1G", "all of it with size=")]
    [InlineData("reserve=on", "prefault=on")]
    public void Memory_NamesWhatItDoesNotHave(string key, string message) =>
        OptionTests.Rejects(() => MemoryOption.Parse($"size=512M,{key}"), "--memory", message);

    [Fact]
    public void Nodes_GetTheirPartsFromTheMachine()
    {
        var nodes = Nodes("guest_numa_id=1,memory_zones=far,cpus=[2-3]", "guest_numa_id=0,memory_zones=[near],cpus=[0,1],distances=[1@30],pci_segments=[0]");
        Assert.Equal([0u, 1u], nodes.Select(n => n.Id));
        Assert.Equal([2, 3], nodes[1].Cpus);
        Assert.Equal(2, nodes[1].Memory.Count);
        Assert.Equal([0], nodes[0].PciSegments);
        Assert.Equal((10, 30, 30), (nodes[0].DistanceTo(nodes[0]), nodes[0].DistanceTo(nodes[1]), nodes[1].DistanceTo(nodes[0])));
    }

    [Theory]
    [InlineData("guest_numa_id=0,memory_zones=[near,far]", "guest_numa_id=0", "node 0 is described twice")]
    [InlineData("guest_numa_id=0,memory_zones=[near,far]", "guest_numa_id=2", "numbered without gaps: 2 of them are 0 to 1")]
    [InlineData("guest_numa_id=0,memory_zones=[near,far]", "guest_numa_id=1,memory_zones=[near]", "memory zone near is in two nodes")]
    [InlineData("guest_numa_id=0,memory_zones=[near]", "guest_numa_id=1", "name it in memory_zones=[far]")]
    [InlineData("guest_numa_id=0,memory_zones=[near,far,away]", "guest_numa_id=1", "give --memory-zone id=away,size=SIZE")]
    [InlineData("guest_numa_id=0,memory_zones=[near,far],cpus=[0-3]", "guest_numa_id=1,cpus=[3]", "vCPU 3 is in two nodes")]
    [InlineData("guest_numa_id=0,memory_zones=[near,far],cpus=[4]", "guest_numa_id=1", "give --cpus boot=5 or more")]
    [InlineData("guest_numa_id=0,memory_zones=[near,far],cpus=[2-1]", "guest_numa_id=1", "expected cpus=[0-3,5]")]
    [InlineData("guest_numa_id=0,memory_zones=[near,far],cpus=[1,1]", "guest_numa_id=1", "1 is given twice in cpus=")]
    [InlineData("guest_numa_id=0,memory_zones=[near,far],pci_segments=[1]", "guest_numa_id=1", "give --platform num_pci_segments=2 or more")]
    [InlineData("guest_numa_id=0,memory_zones=[near,far],distances=[1]", "guest_numa_id=1", "expected distances=[1@20,2@30]")]
    [InlineData("guest_numa_id=0,memory_zones=[near,far],distances=[1@9]", "guest_numa_id=1", "from 10 to 254")]
    [InlineData("guest_numa_id=0,memory_zones=[near,far],distances=[0@11]", "guest_numa_id=1", "from itself is 10")]
    [InlineData("guest_numa_id=0,memory_zones=[near,far],distances=[5@20]", "guest_numa_id=1", "describe it with another --numa")]
    public void Nodes_ThatContradictTheMachine_AreRefused(string first, string second, string message) =>
        OptionTests.Rejects(() => Nodes(first, second), "", message);

    [Fact]
    public void Affinity_TellsOfMemoryVcpusItsAndInitiators()
    {
        var table = NumaTables.Affinity(Nodes("guest_numa_id=0,memory_zones=[near],cpus=[0]", "guest_numa_id=1,memory_zones=[far],cpus=[1]"), [new NumaInitiator(1, 2, 3)]);
        var types = new List<byte>();
        for (var at = 48; at < table.Length; at += table[at + 1])
        {
            types.Add(table[at]);
        }

        Assert.Equal([1, 3, 1, 1, 3, 4, 5], types);
        var initiator = table.AsSpan(table.Length - 32);
        Assert.Equal(1, initiator[3]);
        Assert.Equal(1u, BinaryPrimitives.ReadUInt32LittleEndian(initiator[4..]));
        Assert.Equal((2, 3 << 3), (BinaryPrimitives.ReadUInt16LittleEndian(initiator[8..]), BinaryPrimitives.ReadUInt16LittleEndian(initiator[10..])));
    }

    private static IReadOnlyList<NumaNode> Nodes(params string[] options) =>
        NumaOption.Nodes([.. options.Select(NumaOption.Parse)], MemoryOption.Parse(null, TwoZones), new CpusOption(4, 4), 1);
}
