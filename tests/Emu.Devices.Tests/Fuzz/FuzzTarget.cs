// A kind of device under the hostile driver: how it is made, and what requests look like that it takes seriously.
using Emu.Core;
using Emu.Devices.Pci;

namespace Emu.Devices.Tests.Fuzz;

/// <summary>A device with what surrounds it.</summary>
/// <param name="Device">Goes into a PCI slot.</param>
internal sealed record FuzzSubject(PciDevice Device)
{
    /// <summary>What the host does to the device now and then: input, resizing. Null for nothing.</summary>
    public Action<Random>? HostEvent { get; init; }

    /// <summary>Releases the host's side, after the device was removed.</summary>
    public Action? Release { get; init; }
}

/// <summary>The parts of a request.</summary>
/// <param name="Message">The readable part.</param>
/// <param name="Reply">Bytes of the writable part.</param>
internal readonly record struct FuzzRequest(byte[] Message, int Reply);

/// <summary>A kind of device.</summary>
/// <param name="Name">Name in results and on the command line.</param>
/// <param name="Create">Makes one on a bench.</param>
/// <param name="Compose">A request for a queue that has a chance to be right; the driver breaks it afterwards.</param>
internal sealed record FuzzTarget(string Name, Func<FuzzBench, FuzzSubject> Create, Func<Random, int, FuzzRequest> Compose)
{
    /// <summary>Bytes, each random or zero or all-ones.</summary>
    public static byte[] Noise(Random random, int length)
    {
        var bytes = new byte[length];
        switch (random.Next(3))
        {
            case 0:
                random.NextBytes(bytes);
                break;
            case 1:
                bytes.AsSpan().Fill(0xFF);
                break;
        }

        return bytes;
    }
}
