// The control queue (virtio 1.2, 5.1.6.5): a class, a command, its data, and an answer of one byte.
using System.Buffers.Binary;
using Emu.Devices.Net;

namespace Emu.Devices.Virtio.Net;

public sealed partial class NetDevice
{
    /// <summary>Most bytes of a command that are looked at: more than two address tables at their limit.</summary>
    private const int MaximumCommand = 4096;

    /// <summary>Most commands of a round, so that a driver that never stops keeps nobody waiting.</summary>
    private const int CommandsPerRound = 1024;

    private readonly DescriptorChain controlChain = new();
    private readonly byte[] command = new byte[MaximumCommand];

    /// <summary>Without MQ negotiated, the control queue comes right behind the one pair (5.1.2).</summary>
    private VirtQueue? ControlQueue =>
        !Has(VirtioNetFeature.CtrlVq) ? null : queues[Has(VirtioNetFeature.MultiQueue) ? options.QueueCount : 2];

    private void ServiceControl()
    {
        if (ControlQueue is not { } queue)
        {
            return;
        }

        for (var left = CommandsPerRound; left > 0 && queue.TryPop(controlChain); left--)
        {
            var length = controlChain.Read(0, command);
            var ok = length >= 2 && (ulong)length == controlChain.ReadableLength
                && Execute((ControlClass)command[0], command[1], command.AsSpan(2, length - 2));
            ReadOnlySpan<byte> answer = [ok ? ControlCommand.Ok : ControlCommand.Error];

            // Commands may come to carry answers of their own before the last byte; none of these do.
            var written = controlChain.WritableLength == 0 ? 0 : controlChain.Write(controlChain.WritableLength - 1, answer);
            queue.Push(controlChain, (uint)written);
        }

        queue.Signal();
    }

    private bool Execute(ControlClass kind, byte code, ReadOnlySpan<byte> data)
    {
        switch (kind)
        {
            case ControlClass.Rx when Has(VirtioNetFeature.CtrlRx) && data.Length >= 1:
                return filter.SetMode(code, data[0] != 0);
            case ControlClass.Mac when code == ControlCommand.MacTableSet && Has(VirtioNetFeature.CtrlRx):
                return filter.SetTables(data);
            case ControlClass.Mac when code == ControlCommand.MacAddressSet && Has(VirtioNetFeature.CtrlMacAddress) && data.Length >= MacAddress.Bytes:
                Volatile.Write(ref mac, MacAddress.Read(data).Value);
                return true;
            case ControlClass.Vlan when Has(VirtioNetFeature.CtrlVlan) && data.Length >= 2 && code is ControlCommand.VlanAdd or ControlCommand.VlanDelete:
                return filter.SetVlan(BinaryPrimitives.ReadUInt16LittleEndian(data), code == ControlCommand.VlanAdd);
            case ControlClass.Announce when code == ControlCommand.AnnounceAcknowledge && Has(VirtioNetFeature.GuestAnnounce):
                Volatile.Write(ref announce, 0);
                return true;
            case ControlClass.MultiQueue when code == ControlCommand.PairsSet && Has(VirtioNetFeature.MultiQueue) && data.Length >= 2:
                return SetPairs(BinaryPrimitives.ReadUInt16LittleEndian(data));
            case ControlClass.GuestOffloads when code == ControlCommand.GuestOffloadsSet && Has(VirtioNetFeature.CtrlGuestOffloads) && data.Length >= 8:
                var wanted = BinaryPrimitives.ReadUInt64LittleEndian(data);
                if ((wanted & ~(features & VirtioNetFeature.GuestOffloads)) != 0)
                {
                    return false;
                }

                SetGuestOffloads(GuestOffloadsOf(wanted));
                return true;
            default:
                return false;
        }
    }

    private bool SetPairs(int pairs)
    {
        if (pairs < 1 || pairs > MaximumPairs)
        {
            return false;
        }

        SetActivePairs(pairs);
        return true;
    }
}
