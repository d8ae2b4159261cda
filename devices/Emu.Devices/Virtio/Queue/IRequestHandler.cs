// What a QueueWorker calls for each request of its queue.
namespace Emu.Devices.Virtio;

/// <summary>Carries out requests of one queue. Called by one thread at a time.</summary>
internal interface IRequestHandler
{
    /// <summary>Carries out a request. Nothing the driver put into it makes this throw.</summary>
    /// <param name="chain">The request.</param>
    /// <returns>Bytes written to its writable part.</returns>
    uint Handle(DescriptorChain chain);
}
