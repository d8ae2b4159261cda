// The common configuration of virtio-pci (virtio 1.2, 4.1.4.3 and 3.1): feature negotiation, device status, queue set-up, and their snapshot.
using System.Buffers.Binary;
using Emu.Core;

namespace Emu.Devices.Virtio;

public sealed partial class VirtioPciTransport
{
    private const byte SnapshotVersion = 1;

    // Guards everything below except status, generation and vectors, which devices touch on their own threads.
    private readonly Lock gate = new();
    private readonly ulong offered;
    private readonly QueueRegisters[] queues;

    // The queues in use; a non-null entry lets notifications through.
    private readonly VirtQueue?[] live;
    private int status;
    private int generation;
    private ushort configVector;
    private uint deviceFeatureSelect;
    private uint driverFeatureSelect;
    private ulong accepted;
    private ushort selected;
    private bool active;

    private ulong ReadCommon(uint offset, int size)
    {
        if (size is not (1 or 2 or 4 or 8) || offset + (uint)size > VirtioCommon.ImageSize)
        {
            return 0;
        }

        Span<byte> image = stackalloc byte[VirtioCommon.ImageSize + 8];
        image.Clear();
        lock (gate)
        {
            Put32(image, VirtioCommon.DeviceFeatureSelect, deviceFeatureSelect);
            Put32(image, VirtioCommon.DeviceFeature, deviceFeatureSelect < 2 ? (uint)(offered >> (int)(deviceFeatureSelect * 32)) : 0);
            Put32(image, VirtioCommon.DriverFeatureSelect, driverFeatureSelect);
            Put32(image, VirtioCommon.DriverFeature, driverFeatureSelect < 2 ? (uint)(accepted >> (int)(driverFeatureSelect * 32)) : 0);
            Put16(image, VirtioCommon.ConfigVector, configVector);
            Put16(image, VirtioCommon.QueueCount, (ushort)queues.Length);
            image[(int)VirtioCommon.Status] = (byte)Volatile.Read(ref status);
            image[(int)VirtioCommon.ConfigGeneration] = (byte)Volatile.Read(ref generation);
            Put16(image, VirtioCommon.QueueSelect, selected);
            if (selected < queues.Length)
            {
                ref readonly var q = ref queues[selected];
                Put16(image, VirtioCommon.QueueSize, q.State.Size);
                Put16(image, VirtioCommon.QueueVector, q.Vector);
                Put16(image, VirtioCommon.QueueEnable, q.Enabled ? (ushort)1 : (ushort)0);
                Put16(image, VirtioCommon.QueueNotifyOffset, selected);
                Put64(image, VirtioCommon.QueueDescriptorArea, q.State.DescriptorArea);
                Put64(image, VirtioCommon.QueueDriverArea, q.State.DriverArea);
                Put64(image, VirtioCommon.QueueDeviceArea, q.State.DeviceArea);
                Put16(image, VirtioCommon.QueueNotifyData, HasRingReset ? selected : (ushort)0);
            }
        }

        var value = BinaryPrimitives.ReadUInt64LittleEndian(image[(int)offset..]);
        return size == 8 ? value : value & ((1UL << (size * 8)) - 1);
    }

    private void WriteCommon(uint offset, int size, ulong value)
    {
        lock (gate)
        {
            switch (offset, size)
            {
                case (VirtioCommon.DeviceFeatureSelect, 4):
                    deviceFeatureSelect = (uint)value;
                    break;
                case (VirtioCommon.DriverFeatureSelect, 4):
                    driverFeatureSelect = (uint)value;
                    break;
                case (VirtioCommon.DriverFeature, 4):
                    if (driverFeatureSelect < 2 && (status & VirtioStatus.FeaturesOk) == 0)
                    {
                        var shift = (int)(driverFeatureSelect * 32);
                        accepted = (accepted & ~(0xFFFF_FFFFUL << shift)) | ((value & 0xFFFF_FFFF) << shift);
                    }

                    break;
                case (VirtioCommon.ConfigVector, 2):
                    Volatile.Write(ref configVector, Vector((ushort)value));
                    break;
                case (VirtioCommon.Status, 1):
                    WriteStatus((byte)value);
                    break;
                case (VirtioCommon.QueueSelect, 2):
                    selected = (ushort)value;
                    break;
                default:
                    if (selected < queues.Length)
                    {
                        WriteQueue(ref queues[selected], offset, size, value);
                    }

                    break;
            }
        }
    }

    private void WriteQueue(ref QueueRegisters q, uint offset, int size, ulong value)
    {
        switch (offset, size)
        {
            case (VirtioCommon.QueueVector, 2):
                Volatile.Write(ref q.Vector, Vector((ushort)value));
                break;
            case (VirtioCommon.QueueEnable, 2):
                if ((ushort)value == 1)
                {
                    EnableQueue(ref q);
                }

                break;
            case (VirtioCommon.QueueReset, 2):
                if ((ushort)value == 1 && (accepted & VirtioFeature.RingReset) != 0 && (status & VirtioStatus.FeaturesOk) != 0)
                {
                    ResetQueue(ref q);
                }

                break;
            default:
                // Size and addresses are fixed once the queue is enabled.
                if (!q.Enabled)
                {
                    WriteQueueGeometry(ref q.State, device.QueueSizes[selected], offset, size, value);
                }

                break;
        }
    }

    private static void WriteQueueGeometry(ref VirtQueueState state, ushort maximum, uint offset, int size, ulong value)
    {
        switch (offset, size)
        {
            case (VirtioCommon.QueueSize, 2):
                if ((ushort)value != 0 && (ushort)value <= maximum)
                {
                    state.Size = (ushort)value;
                }

                break;
            case ( >= VirtioCommon.QueueDescriptorArea and < VirtioCommon.QueueNotifyData, 4) when (offset & 3) == 0:
                SetHalf(ref Area(ref state, offset), (offset & 4) != 0, (uint)value);
                break;
            case ( >= VirtioCommon.QueueDescriptorArea and < VirtioCommon.QueueNotifyData, 8) when (offset & 7) == 0:
                Area(ref state, offset) = value;
                break;
        }
    }

    private static ref ulong Area(ref VirtQueueState state, uint offset)
    {
        switch (offset & ~7u)
        {
            case VirtioCommon.QueueDescriptorArea:
                return ref state.DescriptorArea;
            case VirtioCommon.QueueDriverArea:
                return ref state.DriverArea;
            default:
                return ref state.DeviceArea;
        }
    }

    private static void SetHalf(ref ulong field, bool high, uint value) =>
        field = high ? (field & 0xFFFF_FFFF) | ((ulong)value << 32) : (field & ~0xFFFF_FFFFUL) | value;

    /// <summary>A vector that exists, or NO_VECTOR: how the driver learns that a vector could not be had.</summary>
    private ushort Vector(ushort value) => value < msix.Vectors ? value : VirtioPci.NoVector;

    private void WriteStatus(byte value)
    {
        if (value == 0)
        {
            ResetDevice();
            return;
        }

        // Bits only come on; DEVICE_NEEDS_RESET is the device's own.
        var rising = value & ~status & ~VirtioStatus.NeedsReset;
        if ((rising & VirtioStatus.FeaturesOk) != 0 && !AcceptFeatures())
        {
            rising &= ~VirtioStatus.FeaturesOk;
        }

        Interlocked.Or(ref status, rising & ~VirtioStatus.DriverOk);
        if ((rising & VirtioStatus.DriverOk) == 0)
        {
            return;
        }

        if ((status & VirtioStatus.FeaturesOk) == 0)
        {
            log.Once($"virtio {Name} order", LogLevel.Warning, $"{Name}: the driver set DRIVER_OK before FEATURES_OK: ignored");
            return;
        }

        Interlocked.Or(ref status, VirtioStatus.DriverOk);
        if ((status & (VirtioStatus.NeedsReset | VirtioStatus.Failed)) == 0)
        {
            Activate();
        }
    }

    private bool AcceptFeatures()
    {
        var needed = VirtioFeature.Version1 | (offered & VirtioFeature.AccessPlatform);
        if ((accepted & ~offered) == 0 && (accepted & needed) == needed && device.AcceptsFeatures(accepted))
        {
            return true;
        }

        log.Once($"virtio {Name} features", LogLevel.Warning, $"{Name}: features 0x{accepted:x} refused: 0x{offered:x} are offered, 0x{needed:x} of them are needed");
        return false;
    }

    private void Activate()
    {
        var handed = new VirtQueue?[queues.Length];
        for (var i = 0; i < queues.Length; i++)
        {
            if (!queues[i].Enabled)
            {
                continue;
            }

            handed[i] = VirtQueue.TryCreate(this, memory, i, queues[i].State, accepted, out var reason, dma);
            if (handed[i] is null)
            {
                NeedsReset($"queue {i}: {reason}");
                return;
            }
        }

        active = true;
        device.Activate([.. handed], accepted);
        for (var i = 0; i < handed.Length; i++)
        {
            Volatile.Write(ref live[i], handed[i]);
        }
    }

    private void EnableQueue(ref QueueRegisters q)
    {
        if (q.Enabled || (status & VirtioStatus.FeaturesOk) == 0)
        {
            return;
        }

        if (!active)
        {
            // After DRIVER_OK, only a queue that was reset may come back (4.1.4.3.2).
            if ((status & VirtioStatus.DriverOk) == 0)
            {
                q.State = VirtQueue.Fresh(q.State, accepted);
                q.Enabled = true;
            }

            return;
        }

        if ((accepted & VirtioFeature.RingReset) == 0)
        {
            return;
        }

        q.State = VirtQueue.Fresh(q.State, accepted);
        if (VirtQueue.TryCreate(this, memory, selected, q.State, accepted, out var reason, dma) is not { } queue)
        {
            NeedsReset($"queue {selected}: {reason}");
            return;
        }

        q.Enabled = true;
        device.EnableQueue(queue);
        Volatile.Write(ref live[selected], queue);
    }

    private void ResetQueue(ref QueueRegisters q)
    {
        Volatile.Write(ref live[selected], null);
        if (active && q.Enabled)
        {
            device.ResetQueue(selected);
        }

        q = Unset(selected);
    }

    private void ResetDevice()
    {
        Array.Clear(live);
        if (active)
        {
            active = false;
            device.Reset();
        }

        ClearRegisters();
    }

    private void ClearRegisters()
    {
        Volatile.Write(ref status, 0);
        Volatile.Write(ref isr, 0);
        Volatile.Write(ref configVector, VirtioPci.NoVector);
        deviceFeatureSelect = driverFeatureSelect = 0;
        accepted = 0;
        selected = 0;
        for (var i = 0; i < queues.Length; i++)
        {
            queues[i] = Unset(i);
        }
    }

    private QueueRegisters Unset(int queue) => new() { Vector = VirtioPci.NoVector, State = new VirtQueueState { Size = device.QueueSizes[queue] } };

    /// <inheritdoc/>
    protected override void SaveState(SnapshotWriter writer)
    {
        lock (gate)
        {
            writer.U8(SnapshotVersion);
            writer.U64(offered);
            writer.U8((byte)status);
            writer.U8((byte)isr);
            writer.U8((byte)generation);
            writer.U16(configVector);
            writer.U32(deviceFeatureSelect);
            writer.U32(driverFeatureSelect);
            writer.U64(accepted);
            writer.U16(selected);
            writer.Bool(active);
            writer.U16((ushort)queues.Length);
            for (var i = 0; i < queues.Length; i++)
            {
                var state = live[i]?.Capture() ?? queues[i].State;
                writer.Bool(queues[i].Enabled);
                writer.Bool(live[i]?.Broken ?? false);
                writer.U16(queues[i].Vector);
                writer.U16(state.Size);
                writer.U64(state.DescriptorArea);
                writer.U64(state.DriverArea);
                writer.U64(state.DeviceArea);
                writer.U16(state.NextAvailable);
                writer.U16(state.NextUsed);
                writer.U16(state.UsedSinceSignal);
                writer.Bool(state.NotificationsOff);
                writer.U16(state.Outstanding);
            }

            device.Save(writer);
        }
    }

    /// <inheritdoc/>
    protected override void RestoreState(SnapshotReader reader)
    {
        lock (gate)
        {
            ResetDevice();
            var version = reader.U8();
            var features = reader.U64();
            if (version != SnapshotVersion || features != offered)
            {
                throw new InvalidDataException($"snapshot: {Name}: version {version} with features 0x{features:x}, expected {SnapshotVersion} with 0x{offered:x}");
            }

            status = reader.U8();
            isr = reader.U8();
            generation = reader.U8();
            configVector = Vector(reader.U16());
            deviceFeatureSelect = reader.U32();
            driverFeatureSelect = reader.U32();
            accepted = reader.U64();
            selected = reader.U16();
            var wasActive = reader.Bool();
            var count = reader.U16();
            if (count != queues.Length || (wasActive && (accepted & ~offered) != 0))
            {
                throw new InvalidDataException($"snapshot: {Name}: {count} queues with features 0x{accepted:x}, expected {queues.Length} with a subset of 0x{offered:x}");
            }

            var handed = new VirtQueue?[queues.Length];
            for (var i = 0; i < queues.Length; i++)
            {
                handed[i] = RestoreQueue(reader, i, wasActive);
            }

            if (wasActive)
            {
                active = true;
                device.Activate([.. handed], accepted);
                handed.CopyTo(live, 0);
            }

            device.Restore(reader);
        }
    }

    private VirtQueue? RestoreQueue(SnapshotReader reader, int index, bool create)
    {
        ref var q = ref queues[index];
        q.Enabled = reader.Bool();
        var broken = reader.Bool();
        q.Vector = Vector(reader.U16());
        q.State = new VirtQueueState
        {
            Size = reader.U16(),
            DescriptorArea = reader.U64(),
            DriverArea = reader.U64(),
            DeviceArea = reader.U64(),
            NextAvailable = reader.U16(),
            NextUsed = reader.U16(),
            UsedSinceSignal = reader.U16(),
            NotificationsOff = reader.Bool(),
            Outstanding = reader.U16(),
        };
        if (q.State.Size == 0 || q.State.Size > device.QueueSizes[index])
        {
            throw new InvalidDataException($"snapshot: {Name}: queue {index} has {q.State.Size} entries, expected 1 to {device.QueueSizes[index]}");
        }

        if (!create || !q.Enabled)
        {
            return null;
        }

        var queue = VirtQueue.TryCreate(this, memory, index, q.State, accepted, out var reason, dma, restored: true)
            ?? throw new InvalidDataException($"snapshot: {Name}: queue {index}: {reason}");
        if (broken)
        {
            queue.RestoreBroken();
        }

        return queue;
    }

    private static void Put16(Span<byte> image, uint offset, ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(image[(int)offset..], value);

    private static void Put32(Span<byte> image, uint offset, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(image[(int)offset..], value);

    private static void Put64(Span<byte> image, uint offset, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(image[(int)offset..], value);

    /// <summary>What the driver programs for one queue.</summary>
    private struct QueueRegisters
    {
        public VirtQueueState State;
        public ushort Vector;
        public bool Enabled;
    }
}
