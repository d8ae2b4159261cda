// The snapshot of a vhost-user device: the inner state of its back end, for the rings are empty while the machine stands still.
using Emu.Core;

namespace Emu.Devices.Virtio.VhostUser;

public sealed unsafe partial class VhostUserDevice
{
    private const byte SnapshotVersion = 1;

    /// <summary>Writes the state of the back end, when it has some of the guest.</summary>
    /// <exception cref="EmuException">The back end does not give its state away, or is in the middle of a request.</exception>
    public override void Save(SnapshotWriter writer)
    {
        writer.U8(SnapshotVersion);
        writer.Bool(IsActive && connection is null);
        writer.Bool(holdsState);
        if (connection is null || !holdsState)
        {
            return;
        }

        if (rings.Sum(r => r.Outstanding) is var outstanding and not 0)
        {
            throw new EmuException($"{Name}: the vhost-user program at '{options.SocketPath}' does not finish {outstanding} requests of the guest: save the machine later");
        }

        RequireState(connection);
        writer.Bytes(VhostUserStateTransfer.Save(connection));
    }

    /// <summary>Gives the new back end the state of the old one. The rings start when the machine does.</summary>
    /// <exception cref="EmuException">The back end does not take it.</exception>
    public override void Restore(SnapshotReader reader)
    {
        reader.Version(SnapshotVersion, Name);
        var lost = reader.Bool();
        holdsState = reader.Bool();
        if (lost)
        {
            // It was gone when the machine was saved: what runs now knows nothing of the guest, until that resets the device.
            connection?.Dispose();
            connection = null;
        }
        else if (holdsState)
        {
            var state = reader.Bytes(VhostUserStateTransfer.MaximumBytes);
            var taker = connection ?? throw new EmuException($"{Name}: the vhost-user program at '{options.SocketPath}' is gone: start a new one, and restore again");
            RequireState(taker);
            VhostUserStateTransfer.Load(taker, state);
        }
    }

    private void RequireState(VhostUserConnection c)
    {
        if (!c.HasState)
        {
            throw new EmuException($"{Name}: the vhost-user program at '{options.SocketPath}' keeps its state to itself: {options.StateAdvice}");
        }
    }
}
