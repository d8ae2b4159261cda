// The state hash: 128 bits over everything the guest can observe - CPU and device sections, the clock, and RAM.
using System.Runtime.InteropServices;
using System.Text;
using Emu.Core;

namespace Emu.Machine.Lifecycle;

/// <summary>Hashes a stopped machine. Equal states give equal hashes on every host, run and engine.</summary>
public sealed class StateHash
{
    private const int PageSize = 4096;

    /// <summary>Any two different seeds make the two halves independent.</summary>
    private const ulong SecondSeed = 0x656D_752D_6861_7368;

    private readonly XxHash64 low = new(0);
    private readonly XxHash64 high = new(SecondSeed);

    /// <summary>Adds a section: its name, its length and its bytes.</summary>
    public void Add(ISnapshotable section)
    {
        using var buffer = new MemoryStream();
        section.Save(new SnapshotWriter(buffer));
        AddName(section.SnapshotName, (ulong)buffer.Length);
        Append(buffer.GetBuffer().AsSpan(0, (int)buffer.Length));
    }

    /// <summary>Adds a number under a name.</summary>
    public void Add(string name, ulong value) => AddName(name, value);

    /// <summary>Adds a run of RAM: every page that is not all zero, behind its index. Pages the guest never touched are not read.</summary>
    /// <param name="ram">The RAM.</param>
    /// <param name="host">The memory behind it.</param>
    public unsafe void Add(RamRegion ram, HostMemory host)
    {
        AddName(ram.Name, ram.Start);
        Number(ram.Length);
        using var touched = new TouchedPages();
        for (ulong page = 0; page < ram.Length / PageSize; page++)
        {
            if (!touched.MayHoldData(host, page * PageSize))
            {
                continue;
            }

            var bytes = new ReadOnlySpan<byte>(ram.Host + (page * PageSize), PageSize);
            if (bytes.ContainsAnyExcept((byte)0))
            {
                Number(page);
                Append(bytes);
            }
        }
    }

    /// <summary>The hash as 32 hexadecimal digits.</summary>
    public string Finish() => $"{high.Finish():x16}{low.Finish():x16}";

    private void AddName(string name, ulong value)
    {
        Append(Encoding.UTF8.GetBytes(name));
        Append([0]);
        Number(value);
    }

    private void Number(ulong value) => Append(MemoryMarshal.AsBytes(new ReadOnlySpan<ulong>(in value)));

    private void Append(ReadOnlySpan<byte> bytes)
    {
        low.Append(bytes);
        high.Append(bytes);
    }
}
