// The contract between a network card and the host's side of its cable.
using Emu.Core;

namespace Emu.Devices.Net;

/// <summary>Work on frames that one side leaves to the other, in the bit order of the guest offloads of virtio-net (virtio 1.2, 5.1.3).</summary>
[Flags]
public enum NetOffload
{
    /// <summary>Frames have whole checksums and fit the MTU.</summary>
    None = 0,

    /// <summary>Transport checksums may be partial.</summary>
    Checksum = 1,

    /// <summary>TCP over IPv4 may come as one segment of up to 64 KiB.</summary>
    Tso4 = 2,

    /// <summary>TCP over IPv6 likewise.</summary>
    Tso6 = 4,

    /// <summary>Such a segment may have the ECN bits set.</summary>
    Ecn = 8,

    /// <summary>UDP may come as one datagram of up to 64 KiB that is to be fragmented.</summary>
    Ufo = 16,

    /// <summary>All of them.</summary>
    All = Checksum | Tso4 | Tso6 | Ecn | Ufo,
}

/// <summary>The card as its back end sees it. All methods are called by the back end's loop, with its gate held.</summary>
public interface INetPort
{
    /// <summary>Before any work of a round: lets the card catch up with its driver.</summary>
    void BeginService();

    /// <summary>Takes the next frame that the guest sends. False when there is none; the back end is kicked when there is one again.</summary>
    /// <param name="frame">Receives it; it needs only what <see cref="INetBackend.Accepts"/> names.</param>
    bool TryTake(NetFrame frame);

    /// <summary>Offers a frame to the guest. False when there is no room: the back end keeps it, and is kicked when there is some.</summary>
    bool TryDeliver(NetFrame frame);

    /// <summary>After a round: tells the driver what came.</summary>
    void EndService();
}

/// <summary>
/// The host's side of one network card: user-mode NAT, a TAP interface, a stream socket. A back end runs on the <see cref="Host.HostLoop"/> it
/// owns: a thread of its own in host time, the machine's thread in deterministic mode.
/// </summary>
public interface INetBackend : IDisposable
{
    /// <summary>What it takes from the guest undone; the card does the rest.</summary>
    NetOffload Accepts { get; }

    /// <summary>What it could leave to the guest.</summary>
    NetOffload Gives { get; }

    /// <summary>The loop's gate: who holds it knows that the port is not called.</summary>
    object Gate { get; }

    /// <summary>The machine is deterministic.</summary>
    bool IsDeterministic { get; }

    /// <summary>Whether the cable is plugged in at the other end. <see cref="LinkChanged"/> tells when that changes.</summary>
    bool LinkUp { get; }

    /// <summary>Called, with the gate held, after <see cref="LinkUp"/> changed.</summary>
    event Action? LinkChanged;

    /// <summary>Connects the card; called once, before anything else.</summary>
    void Attach(INetPort port);

    /// <summary>Begins to carry frames. Later calls do nothing.</summary>
    void Start();

    /// <summary>The driver did something: frames may wait, or room for some. Any vCPU's thread.</summary>
    void Kick();

    /// <summary>On return the port is not called, and will not be until <see cref="Resume"/>.</summary>
    void Pause();

    /// <summary>Ends a pause.</summary>
    void Resume();

    /// <summary>Tells what the driver takes from now on, among <see cref="Gives"/>. With the gate held.</summary>
    /// <param name="offloads">Offloads of frames to the guest.</param>
    /// <param name="mtu">Largest IP packet of a frame that is not offloaded, in bytes.</param>
    void SetGuestOffloads(NetOffload offloads, int mtu);

    /// <summary>Tells how many queue pairs the driver uses from now on. With the gate held.</summary>
    void SetQueues(int pairs);

    /// <summary>Writes what a deterministic machine needs to go on as if it had never stopped.</summary>
    void Save(SnapshotWriter writer);

    /// <summary>Reads what <see cref="Save"/> wrote.</summary>
    void Restore(SnapshotReader reader);
}
