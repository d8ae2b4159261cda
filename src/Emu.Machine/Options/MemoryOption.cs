// --memory size=SIZE,... and --memory-zone: how much RAM the machine has, how it is divided for NUMA nodes, and what host memory it is.
using Emu.Core;
using Emu.Machine.Boards;

namespace Emu.Machine.Options;

/// <summary>A part of RAM under a name; a NUMA node is made of such parts.</summary>
/// <param name="Id">Its name.</param>
/// <param name="Size">Bytes, a multiple of 4 KiB.</param>
public sealed record MemoryZone(string Id, ulong Size);

/// <summary>The machine's RAM.</summary>
/// <param name="Size">Bytes, a multiple of 4 KiB; the sum of the zones where there are some.</param>
public sealed record MemoryOption(ulong Size)
{
    private static readonly string[] HostKeys = ["shared", "prefault", "mergeable", "thp"];

    // What Cloud Hypervisor has besides: named in an error of their own instead of being unknown.
    private static readonly string[] RefusedKeys = ["hugepages", "hugepage_size", "hotplug_method", "hotplug_size", "hotplugged_size", "reserve"];

    /// <summary>512 MiB.</summary>
    public static readonly MemoryOption Default = new(512UL << 20);

    /// <summary>The zones, in the order in which they lie in RAM, or none.</summary>
    public IReadOnlyList<MemoryZone> Zones { get; init; } = [];

    /// <summary>Memory behind a descriptor, which other processes can map.</summary>
    public bool Shared { get; init; }

    /// <summary>All of it is had from the host before the guest starts.</summary>
    public bool Prefault { get; init; }

    /// <summary>The host may merge equal pages of it (KSM).</summary>
    public bool Mergeable { get; init; }

    /// <summary>The host is asked for huge pages where it has some.</summary>
    public bool TransparentHugePages { get; init; } = true;

    /// <summary>Parses a machine without zones.</summary>
    /// <exception cref="EmuException">Malformed or out of range.</exception>
    public static MemoryOption Parse(string text) => Parse(text, []);

    /// <summary>Parses --memory and every --memory-zone.</summary>
    /// <param name="memory">Value of --memory, or null.</param>
    /// <param name="zones">Values of --memory-zone.</param>
    /// <exception cref="EmuException">Malformed or out of range.</exception>
    public static MemoryOption Parse(string? memory, IReadOnlyList<string> zones)
    {
        if (memory is null && zones.Count == 0)
        {
            return Default;
        }

        var result = memory is null ? Default : ParseMemory(memory, zones.Count > 0);
        if (zones.Count == 0)
        {
            return result;
        }

        var parsed = new List<MemoryZone>();
        foreach (var text in zones)
        {
            var option = OptionString.Parse("--memory-zone", text, ["id", "size", "file", "host_numa_node", .. HostKeys, .. RefusedKeys]);
            var id = option.Required("id", "id=mem0,size=512M");
            var size = option.Size("size") ?? throw new EmuException($"{option.Text}: size= is missing; expected id={id},size=512M");
            if (parsed.Any(z => z.Id == id))
            {
                throw new EmuException($"{option.Text}: another zone has the id {id}; give each its own");
            }

            if (option["file"] is not null)
            {
                throw new EmuException($"{option.Text}: RAM behind a file of the host is not supported; leave file= out, or use --pmem file=FILE");
            }

            if (option["host_numa_node"] is not null)
            {
                throw new EmuException($"{option.Text}: Emu leaves the host's nodes to the host; leave host_numa_node= out, and run emu under numactl");
            }

            CheckPages(option.Text, size);
            result = result.With(option);
            parsed.Add(new MemoryZone(id, size));
        }

        var sum = parsed.Aggregate(0UL, (s, z) => s + Math.Min(z.Size, Arm64Layout.MaximumRam + 1));
        CheckRange("--memory-zone: the sum of the zones", sum);
        return result with { Size = sum, Zones = parsed };
    }

    /// <summary>The size as a user would write it.</summary>
    public override string ToString() => Format(Size);

    /// <summary>Writes a size with the largest suffix that divides it.</summary>
    public static string Format(ulong size) => (size & 0x3FFF_FFFF) == 0 ? $"{size >> 30}G" : (size & 0xF_FFFF) == 0 ? $"{size >> 20}M" : $"{size >> 10}K";

    /// <summary>Where a zone lies: one run of addresses, or two around the hole below 4 GiB.</summary>
    /// <param name="id">Its name.</param>
    public IReadOnlyList<MemoryRange> RangesOf(string id)
    {
        var result = new List<MemoryRange>();
        ulong start = 0;
        foreach (var zone in Zones)
        {
            ulong offset = 0;
            foreach (var run in Arm64Layout.RamRanges(Size))
            {
                // The zone is [start, start + size) of RAM, the run [offset, offset + length) of it.
                var from = Math.Max(start, offset);
                var to = Math.Min(start + zone.Size, offset + run.Length);
                if (zone.Id == id && from < to)
                {
                    result.Add(new MemoryRange(run.Start + (from - offset), to - from));
                }

                offset += run.Length;
            }

            start += zone.Size;
        }

        return result;
    }

    private static MemoryOption ParseMemory(string text, bool hasZones)
    {
        var option = OptionString.Parse("--memory", text, ["size", .. HostKeys, .. RefusedKeys]);
        var size = option["size"] switch
        {
            null => hasZones ? 0UL : throw new EmuException($"--memory {text}: size= is missing; expected size=512M"),
            "0" when hasZones => 0UL,
            "0" => throw new EmuException($"--memory {text}: there is no RAM; give a size, or the parts with --memory-zone id=mem0,size=512M"),
            _ => option.Size("size")!.Value,
        };
        if (hasZones)
        {
            return size == 0
                ? new MemoryOption(0).With(option)
                : throw new EmuException($"--memory {text}: with --memory-zone the zones are all of RAM; give size=0, or leave it out");
        }

        CheckRange($"--memory {text}", size);
        CheckPages($"--memory {text}", size);
        return new MemoryOption(size).With(option);
    }

    private static void CheckRange(string text, ulong size)
    {
        if (size < Arm64Layout.MinimumRam || size > Arm64Layout.MaximumRam)
        {
            throw new EmuException($"{text}: RAM is from {Arm64Layout.MinimumRam >> 20}M to {Arm64Layout.MaximumRam >> 30}G");
        }
    }

    private static void CheckPages(string text, ulong size)
    {
        if ((size & 0xFFF) != 0)
        {
            throw new EmuException($"{text}: RAM is a whole number of 4K pages");
        }
    }

    /// <summary>What host memory it is. Said of one zone, it holds for all of RAM, which is one mapping of the host.</summary>
    private MemoryOption With(OptionString option)
    {
        if (option["hotplug_method"] is not null || option["hotplug_size"] is not null || option["hotplugged_size"] is not null)
        {
            throw new EmuException($"{option.Text}: this version adds no RAM to a running machine; leave hotplug_*= out, and give all of it with size=");
        }

        if (option.Toggle("hugepages", false) || option["hugepage_size"] is not null)
        {
            throw new EmuException($"{option.Text}: Emu takes no reserved huge pages, it asks the host for transparent ones; leave hugepages= out, and see thp=on|off");
        }

        if (option.Toggle("reserve", false))
        {
            throw new EmuException($"{option.Text}: Emu reserves no swap; leave reserve= out, and use prefault=on to have all of RAM before the guest starts");
        }

        return this with
        {
            Shared = Shared | option.Toggle("shared", false),
            Prefault = Prefault | option.Toggle("prefault", false),
            Mergeable = Mergeable | option.Toggle("mergeable", false),
            TransparentHugePages = TransparentHugePages & option.Toggle("thp", true),
        };
    }
}
