// Compares two standing machines: equal or not, quickly; and what differs, in words.
using System.Globalization;
using Emu.Core;
using Emu.Cpu.Arm64.SystemLevel;

namespace Emu.Machine.Lifecycle;

/// <summary>Two machines of the same options, at the same instruction count.</summary>
/// <param name="first">The first machine.</param>
/// <param name="second">The second machine.</param>
public sealed unsafe class StateComparison(VirtualMachine first, VirtualMachine second)
{
    private const int PageSize = 4096;
    private const int WordSize = sizeof(ulong);

    /// <summary>RAM pages that are listed, at most.</summary>
    private const int PagesShown = 8;

    /// <summary>Words of a page that are listed, at most.</summary>
    private const int WordsShown = 4;

    /// <summary>Whether the guest could tell them apart, now or later.</summary>
    public bool Equal()
    {
        if (first.Time != second.Time)
        {
            return false;
        }

        foreach (var (a, b) in first.Sections.Zip(second.Sections))
        {
            if (!Bytes(a).SequenceEqual(Bytes(b)))
            {
                return false;
            }
        }

        return DifferentPages().Count == 0;
    }

    /// <summary>What differs, a line each.</summary>
    public IEnumerable<string> Differences()
    {
        if (first.Time != second.Time)
        {
            yield return $"time: {first.Time} | {second.Time}";
        }

        foreach (var (a, b) in first.Sections.Zip(second.Sections))
        {
            foreach (var line in Section(a, b))
            {
                yield return line;
            }
        }

        var shown = 0;
        foreach (var (address, a, b) in DifferentPages())
        {
            if (shown++ == PagesShown)
            {
                yield return "further RAM pages differ";
                break;
            }

            foreach (var line in Page(address, a, b))
            {
                yield return line;
            }
        }
    }

    private static byte[] Bytes(ISnapshotable section)
    {
        using var buffer = new MemoryStream();
        section.Save(new SnapshotWriter(buffer));
        return buffer.ToArray();
    }

    private static List<string> Section(ISnapshotable a, ISnapshotable b)
    {
        var lines = new List<string>();
        var bytesA = Bytes(a);
        var bytesB = Bytes(b);
        if (bytesA.AsSpan().SequenceEqual(bytesB))
        {
            return lines;
        }

        if (a is Arm64Vcpu vcpuA && b is Arm64Vcpu vcpuB)
        {
            foreach (var (registerA, registerB) in vcpuA.Registers().Zip(vcpuB.Registers()))
            {
                if (registerA.Value != registerB.Value)
                {
                    lines.Add($"{a.SnapshotName} {registerA.Name}: {Hex(registerA.Value)} | {Hex(registerB.Value)}");
                }
            }
        }

        if (lines.Count == 0)
        {
            // The fields of a device have no names here; their order is that of its Save method.
            var at = bytesA.AsSpan().CommonPrefixLength(bytesB);
            lines.Add($"{a.SnapshotName}: byte {at} of its saved state ({bytesA.Length} | {bytesB.Length} bytes): {ByteAt(bytesA, at)} | {ByteAt(bytesB, at)}");
        }

        return lines;
    }

    private static string ByteAt(byte[] bytes, int at) => at < bytes.Length ? $"0x{bytes[at]:x2}" : "end";

    private static string Hex(UInt128 value) => string.Create(CultureInfo.InvariantCulture, $"0x{value:x}");

    private static List<string> Page(ulong address, nint hostFirst, nint hostSecond)
    {
        byte* a = (byte*)hostFirst, b = (byte*)hostSecond;
        var lines = new List<string>();
        for (var at = 0; at < PageSize; at += WordSize)
        {
            if (*(ulong*)(a + at) == *(ulong*)(b + at))
            {
                continue;
            }

            if (lines.Count == WordsShown)
            {
                lines.Add($"RAM page 0x{address:x}: further words differ");
                break;
            }

            lines.Add($"RAM 0x{address + (ulong)at:x}: 0x{*(ulong*)(a + at):x16} | 0x{*(ulong*)(b + at):x16}");
        }

        return lines;
    }

    private List<(ulong Address, nint HostFirst, nint HostSecond)> DifferentPages()
    {
        var result = new List<(ulong, nint, nint)>();
        using var touchedA = new TouchedPages();
        using var touchedB = new TouchedPages();
        foreach (var (a, b) in first.Memory.Ram.Zip(second.Memory.Ram))
        {
            for (ulong offset = 0; offset < a.Length; offset += PageSize)
            {
                byte* hostA = a.Host + offset, hostB = b.Host + offset;
                if ((touchedA.MayHoldData((nuint)hostA) | touchedB.MayHoldData((nuint)hostB))
                    && !new ReadOnlySpan<byte>(hostA, PageSize).SequenceEqual(new ReadOnlySpan<byte>(hostB, PageSize)))
                {
                    result.Add((a.Start + offset, (nint)hostA, (nint)hostB));
                    if (result.Count > PagesShown)
                    {
                        return result;
                    }
                }
            }
        }

        return result;
    }
}
