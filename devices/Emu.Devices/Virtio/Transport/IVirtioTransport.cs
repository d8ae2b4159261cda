// What a virtio device and its queues need of the transport they sit behind.
namespace Emu.Devices.Virtio;

/// <summary>The device's side of a transport. Thread-safe, never calls back into the device, takes no lock that is held while the device is called.</summary>
public interface IVirtioTransport
{
    /// <summary>Interrupts the driver about a queue.</summary>
    void QueueInterrupt(int queue);

    /// <summary>Tells the driver that the device's configuration changed.</summary>
    void ConfigChanged();

    /// <summary>Sets DEVICE_NEEDS_RESET, tells a live driver, and logs the reason once.</summary>
    /// <param name="reason">What the driver did, in a few words.</param>
    void NeedsReset(string reason);
}
